/**
 * A small magazine about mountains and lakes: the pages that the web scraping samples read. It has
 * what scrapers meet: linked articles, a shop page with a table, JSON-LD, OpenGraph, lists,
 * relative and foreign links, entities, and a page that robots.txt asks not to read.
 *
 * @module
 */

/** One file of the site. */
export interface SiteFile {
  /** Below the site's root. */
  readonly path: string;
  readonly text: string;
}

interface Article {
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  readonly author: string;
  readonly published: string;
  readonly minutes: number;
  readonly tags: readonly string[];
  readonly image: { readonly file: string; readonly alt: string };
  /** Sections: a heading and HTML below it. */
  readonly sections: readonly (readonly [heading: string, html: string])[];
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

const articles: readonly Article[] = [
  {
    slug: "the-lake-at-dusk",
    title: "The Lake at Dusk",
    summary:
      "Forty minutes in which the water keeps the light that the sky has already given away.",
    author: "Tove Strand",
    published: "2025-09-14",
    minutes: 6,
    tags: ["landscape", "light", "autumn"],
    image: { file: "lake.webp", alt: "A mountain lake at sunset, dark pines on both shores" },
    sections: [
      [
        "Before the colour",
        `<p>Come early. The hour before sunset is plain, and that is its use: you find the stone to
sit on, the gap between the pines, the place where the far ridge and its reflection make one line.
Nobody finds these things in the dark.</p>
<p>The ranger&rsquo;s rule is older than any camera: <q>If you can count the trees on the other
shore, you are too early. If you cannot see the shore, you are too late.</q></p>`,
      ],
      [
        "What to carry",
        `<ul class="checklist">
<li>Something warm; the valley loses ten degrees within the hour</li>
<li>A head torch with fresh cells</li>
<li>The map, on paper (there is no signal behind the second ridge)</li>
<li>Tea</li>
</ul>`,
      ],
      [
        "The forty minutes",
        `<ol>
<li>Gold on the summits, blue already below.</li>
<li>The sun behind the ridge; the clouds take over.</li>
<li>Wind drops. The water closes like an eye.</li>
<li>The lake is brighter than the sky.</li>
</ol>
<p>That last step surprises everyone. It is no trick of the eye: water seen at a low angle mirrors
the brightest band of sky, above the horizon, and hides the dark one overhead. See
<a href="why-snow-turns-pink.html">why snow turns pink</a> for the other half of the story.</p>`,
      ],
    ],
  },
  {
    slug: "why-snow-turns-pink",
    title: "Why Snow Turns Pink",
    summary:
      "Alpenglow comes twice, and the second time the sun has nothing to do with it directly.",
    author: "Dmitri Petrov",
    published: "2025-08-30",
    minutes: 8,
    tags: ["light", "science", "snow"],
    image: { file: "peak.webp", alt: "A snow-covered summit in pink light" },
    sections: [
      [
        "The first glow",
        `<p>Low sunlight crosses some forty times as much air as light from above. Blue is scattered
out on the way; what reaches the summit is orange and red, and snow, which has no colour of its own,
shows what it is given.</p>`,
      ],
      [
        "The second",
        `<p>Ten minutes after the sun is gone for the summit too, it may glow again, softer and
without shadows. Now the light comes from the western sky: from dust and droplets high enough to
stand in the sun still.</p>
<blockquote><p>We called it the mountain remembering.</p><cite>Ines Dahl, hut keeper</cite></blockquote>`,
      ],
      [
        "How long it lasts",
        `<table class="data"><caption>Minutes of glow by season, measured at 46&deg; north</caption>
<thead><tr><th>Season</th><th>First glow</th><th>Pause</th><th>Second glow</th></tr></thead>
<tbody>
<tr><td>Spring</td><td>11</td><td>7</td><td>9</td></tr>
<tr><td>Summer</td><td>14</td><td>9</td><td>12</td></tr>
<tr><td>Autumn</td><td>12</td><td>7</td><td>10</td></tr>
<tr><td>Winter</td><td>9</td><td>5</td><td>8</td></tr>
</tbody></table>`,
      ],
    ],
  },
  {
    slug: "three-huts-in-three-days",
    title: "Three Huts in Three Days",
    summary: "A round walk over two passes, with soup at every end of it.",
    author: "Nils Berg",
    published: "2025-07-19",
    minutes: 11,
    tags: ["walking", "huts", "summer"],
    image: { file: "pass.webp", alt: "A path that climbs towards a pass between two peaks" },
    sections: [
      [
        "The round",
        `<table class="data" id="stages"><caption>Stages</caption>
<thead><tr><th>Day</th><th>From</th><th>To</th><th>Distance (km)</th><th>Ascent (m)</th></tr></thead>
<tbody>
<tr><td>1</td><td>Landing stage</td><td>Heron Hut</td><td>12.4</td><td>860</td></tr>
<tr><td>2</td><td>Heron Hut</td><td>Upper Pass Hut</td><td>9.8</td><td>1,140</td></tr>
<tr><td>3</td><td>Upper Pass Hut</td><td>Mill Hut</td><td>15.1</td><td>420</td></tr>
</tbody></table>`,
      ],
      [
        "Beds and soup",
        `<dl>
<dt>Heron Hut</dt><dd>28 beds, lentil soup, open June to September</dd>
<dt>Upper Pass Hut</dt><dd>16 beds, barley soup, bring your own bread</dd>
<dt>Mill Hut</dt><dd>40 beds, trout &amp; potatoes on Fridays</dd>
</dl>
<p>Book by telephone: <a href="tel:+4700000000">+47 00 00 00 00</a>, or write to
<a href="mailto:huts@stillwater.example">huts@stillwater.example</a>.</p>`,
      ],
      [
        "When not to go",
        `<p>Not before mid-June: the gully below the second pass keeps its snow, and the way around
it is longer than it looks. Our <a href="../shop.html#snowshoes">snowshoes</a> will not help you
there.</p>`,
      ],
    ],
  },
  {
    slug: "mending-a-rain-jacket",
    title: "Mending a Rain Jacket",
    summary:
      "Most jackets are thrown away with one hole. The repair takes an evening and four things.",
    author: "Rosa Costa",
    published: "2025-06-02",
    minutes: 5,
    tags: ["gear", "repair"],
    image: { file: "patch.webp", alt: "A round patch on orange fabric" },
    sections: [
      [
        "Four things",
        `<ol><li>Spirit, to clean the place</li><li>A patch with round corners</li>
<li>Seam sealer</li><li>Patience: twelve hours of it</li></ol>`,
      ],
      [
        "What the maker does not say",
        `<p>Washing revives the surface more than any spray. Thirty degrees, no softener, then warm
air. A jacket that &ldquo;leaks&rdquo; is often only a dirty one.</p>
<p>More: <a href="https://repair.example/waterproofs" rel="nofollow">the repair caf&eacute;s&rsquo;
list of patches</a>.</p>`,
      ],
    ],
  },
  {
    slug: "reading-a-contour-map",
    title: "Reading a Contour Map",
    summary: "Brown lines, and how to see the mountain that they stand for before you meet it.",
    author: "Greta Holm",
    published: "2025-04-11",
    minutes: 9,
    tags: ["maps", "skills", "walking"],
    image: { file: "map.webp", alt: "Contour lines of a valley with a lake" },
    sections: [
      [
        "One rule",
        `<p>Lines never cross, and between two of them the ground rises by the same amount. All
else follows: close lines are steep, a <em>V</em> that points uphill is a stream, one that points
downhill a ridge.</p>`,
      ],
      [
        "Try it",
        `<pre><code>20 m between lines
5 lines within 1 cm of map
1 : 25 000
=&gt; 100 m up over 250 m: about 22 degrees</code></pre>
<p>Then walk it: <a href="three-huts-in-three-days.html">the three huts</a> cross every kind of
ground this page names.</p>`,
      ],
    ],
  },
];

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
