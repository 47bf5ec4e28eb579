/**
 * What the sample magazine's authors wrote.
 *
 * @module
 */

/** One article, as HTML without its page around. */
export interface Article {
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

/** All, newest first. */
export const articles: readonly Article[] = [
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
