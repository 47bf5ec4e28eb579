/**
 * A small magazine about mountains and lakes: the pages that the web scraping samples read. It has
 * what scrapers meet: linked articles, a shop page with a table, JSON-LD, OpenGraph, lists,
 * relative and foreign links, entities, and a page that robots.txt asks not to read.
 *
 * @module
 */

import { type Article, articles } from "./articles.ts";

/** One file of the site. */
export interface SiteFile {
  /** Below the site's root. */
  readonly path: string;
  readonly text: string;
}

const NAME = "Stillwater Journal";

/** All text files, the same every time. */
export function writeSite(): SiteFile[] {
  return [
    { path: "index.html", text: indexPage() },
    ...articles.map((article, index) => ({
      path: `articles/${article.slug}.html`,
      text: articlePage(article, index),
    })),
    { path: "shop.html", text: shopPage() },
    { path: "about.html", text: aboutPage() },
    { path: "private/drafts.html", text: draftsPage() },
    { path: "style.css", text: STYLE },
    { path: "robots.txt", text: ROBOTS },
    { path: "sitemap.xml", text: siteMap() },
  ];
}

interface Ware {
  readonly id: string;
  readonly name: string;
  readonly price: string;
  readonly stock: string;
}

const wares: readonly Ware[] = [
  { id: "map", name: "Map 1:25,000", price: "12.50", stock: "in stock" },
  { id: "head-torch", name: "Head Torch", price: "39.00", stock: "in stock" },
  { id: "day-pack", name: "Day Pack 22 l", price: "79.00", stock: "3 left" },
  {
    id: "rain-jacket",
    name: "Rain Jacket &ldquo;Skarv&rdquo;",
    price: "129.00",
    stock: "in stock",
  },
  { id: "snowshoes", name: "Snowshoes", price: "199.00", stock: "back in November" },
];

function indexPage(): string {
  const cards = articles.map((article) => `
<article class="card">
<a href="articles/${article.slug}.html"><img src="images/${article.image.file}" alt="${article.image.alt}" width="320" height="213" loading="lazy"></a>
<h2><a href="articles/${article.slug}.html">${article.title}</a></h2>
<p class="byline"><span class="author">${article.author}</span> &middot; <time datetime="${article.published}">${
    longDate(article.published)
  }</time> &middot; ${article.minutes} min</p>
<p class="summary">${article.summary}</p>
</article>`);
  return page({
    title: NAME,
    description: "Slow reports from mountains and lakes: light, walks, maps and mended gear.",
    path: "",
    root: "",
    image: "lake.webp",
    type: "website",
    data: {
      "@context": "https://schema.org",
      "@type": "Periodical",
      name: NAME,
      issn: "0000-0000",
      inLanguage: "en",
    },
    body: `<h1>${NAME}</h1>
<p class="lead">Slow reports from mountains and lakes.</p>
<section id="latest" class="cards">${cards.join("")}
</section>
<aside><h2>Subjects</h2><ul class="tags">${
      [...new Set(articles.flatMap(({ tags }) => tags))].sort().map((tag) => `<li>${tag}</li>`)
        .join("")
    }</ul></aside>`,
  });
}

function articlePage(article: Article, index: number): string {
  const next = articles[(index + 1) % articles.length]!;
  const sections = article.sections.map(([heading, html]) => `<h2>${heading}</h2>\n${html}`);
  return page({
    title: `${article.title} | ${NAME}`,
    description: article.summary,
    path: `articles/${article.slug}.html`,
    root: "../",
    image: article.image.file,
    type: "article",
    data: {
      "@context": "https://schema.org",
      "@type": "Article",
      headline: article.title,
      description: article.summary,
      author: { "@type": "Person", name: article.author },
      datePublished: article.published,
      keywords: article.tags,
      wordCount: sections.join(" ").replace(/<[^>]*>/g, " ").trim().split(/\s+/).length,
    },
    body: `<article>
<h1>${article.title}</h1>
<p class="byline">By <a class="author" rel="author" href="../about.html#${
      article.author.split(" ")[0]!.toLowerCase()
    }">${article.author}</a>, <time datetime="${article.published}">${
      longDate(article.published)
    }</time>, ${article.minutes} minutes</p>
<p class="lead">${article.summary}</p>
<figure><img src="../images/${article.image.file}" alt="${article.image.alt}" width="640" height="427"><figcaption>${article.image.alt}</figcaption></figure>
${sections.join("\n")}
<ul class="tags">${article.tags.map((tag) => `<li>${tag}</li>`).join("")}</ul>
<p class="next">Next: <a rel="next" href="${next.slug}.html">${next.title}</a></p>
</article>`,
  });
}

function shopPage(): string {
  const rows = wares.map(({ id, name, price, stock }) =>
    `<tr id="${id}" data-sku="SW-${id}"><td class="name">${name}</td><td class="price" data-currency="EUR">&euro;&nbsp;${price}</td><td class="stock">${stock}</td></tr>`
  );
  return page({
    title: `Shop | ${NAME}`,
    description: "Five things that we use ourselves.",
    path: "shop.html",
    root: "",
    image: "patch.webp",
    type: "website",
    data: {
      "@context": "https://schema.org",
      "@type": "ItemList",
      itemListElement: wares.map(({ id, price }, index) => ({
        "@type": "Product",
        position: index + 1,
        sku: `SW-${id}`,
        offers: { "@type": "Offer", price, priceCurrency: "EUR" },
      })),
    },
    body: `<h1>Shop</h1>
<p class="lead">Five things that we use ourselves.</p>
<table class="wares"><thead><tr><th>Ware</th><th>Price</th><th>Stock</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table>
<p><a href="https://pay.example/checkout?shop=stillwater">To the till</a></p>`,
  });
}

function aboutPage(): string {
  const authors = articles.map(({ author, slug, title }) =>
    `<li id="${
      author.split(" ")[0]!.toLowerCase()
    }"><span class="name">${author}</span> wrote <a href="articles/${slug}.html">${title}</a></li>`
  );
  return page({
    title: `About | ${NAME}`,
    description: "Who writes, and how to reach us.",
    path: "about.html",
    root: "",
    image: "lake.webp",
    type: "website",
    data: { "@context": "https://schema.org", "@type": "AboutPage", name: `About ${NAME}` },
    body: `<h1>About</h1>
<p>${NAME} appears when there is something to say. It is invented, like its mountains, for the
samples of Conductor.</p>
<h2>Authors</h2>
<ul class="authors">${authors.join("\n")}</ul>
<h2>Contact</h2>
<address>Old Mill, Lake Road 1<br><a href="mailto:post@stillwater.example">post@stillwater.example</a></address>
<p><a href="private/drafts.html">Drafts</a> (not for robots)</p>`,
  });
}

function draftsPage(): string {
  return page({
    title: `Drafts | ${NAME}`,
    description: "Not finished.",
    path: "private/drafts.html",
    root: "../",
    image: "lake.webp",
    type: "website",
    data: { "@context": "https://schema.org", "@type": "WebPage" },
    body: "<h1>Drafts</h1>\n<p>robots.txt asks crawlers not to read this page.</p>",
  });
}

interface Page {
  readonly title: string;
  readonly description: string;
  readonly path: string;
  /** The way from this page to the site's root. */
  readonly root: string;
  readonly image: string;
  readonly type: "website" | "article";
  readonly data: unknown;
  readonly body: string;
}

function page({ title, description, path, root, image, type, data, body }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<meta name="description" content="${description}">
<link rel="canonical" href="https://stillwater.example/${path}">
<link rel="stylesheet" href="${root}style.css">
<meta property="og:title" content="${title}">
<meta property="og:description" content="${description}">
<meta property="og:type" content="${type}">
<meta property="og:image" content="${root}images/${image}">
<meta property="og:site_name" content="${NAME}">
<script type="application/ld+json">
${JSON.stringify(data, undefined, 2)}
</script>
</head>
<body>
<header><a class="home" href="${root}index.html">${NAME}</a>
<nav><ul><li><a href="${root}index.html">Articles</a></li><li><a href="${root}shop.html">Shop</a></li><li><a href="${root}about.html">About</a></li></ul></nav></header>
<main>
${body}
</main>
<footer><small>&copy; 2025 ${NAME}</small></footer>
</body>
</html>
`;
}

const ROBOTS = `User-agent: *
Disallow: /private/
Crawl-delay: 0

Sitemap: https://stillwater.example/sitemap.xml
`;

function siteMap(): string {
  const paths = [
    "",
    ...articles.map(({ slug }) => `articles/${slug}.html`),
    "shop.html",
    "about.html",
  ];
  const urls = paths.map((path) => `<url><loc>https://stillwater.example/${path}</loc></url>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
${urls.join("\n")}
</urlset>
`;
}

const STYLE =
  `body { font: 18px/1.6 Georgia, serif; max-width: 42rem; margin: 0 auto; padding: 1rem; color: #1c2430; background: #fbf9f5; }
header, nav ul { display: flex; gap: 1rem; list-style: none; justify-content: space-between; padding: 0; }
h1, h2 { line-height: 1.2; font-weight: normal; }
a { color: #8a3b12; }
img { max-width: 100%; height: auto; border-radius: 4px; }
.lead { font-size: 1.2rem; color: #4a5568; }
.byline, footer, figcaption { color: #6b7280; font-size: 0.85rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 2rem; }
.tags { display: flex; flex-wrap: wrap; gap: 0.5rem; list-style: none; padding: 0; }
.tags li { background: #e8e2d6; border-radius: 1rem; padding: 0 0.75rem; font-size: 0.85rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ddd5c5; text-align: left; padding: 0.35rem 0.5rem; }
pre { background: #f0ebe0; padding: 1rem; overflow: auto; }
`;

function longDate(date: string): string {
  const months =
    "January February March April May June July August September October November December".split(
      " ",
    );
  const [year, month, day] = date.split("-").map(Number) as [number, number, number];
  return `${day} ${months[month - 1]} ${year}`;
}
