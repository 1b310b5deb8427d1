// A picture of a page as SVG: what a golden file can hold, and a README show. The page's own elements and
// styles are in it, and the browser that shows it lays them out; of a canvas, what harness/canvas.mjs noted.

/** The picture of a page, as high as said. */
export async function pictureOf(page, height) {
  return `${broken(await page.evaluate(draw, height))}\n`;
}

/** A picture as lines to compare: its styles as this browser writes them, whichever made it. */
export async function linesOf(page, picture) {
  return broken(await page.evaluate(normalise, picture)).split('\n');
}

/** XML with a tag a line, and no white space where there was none. */
function broken(xml) {
  return xml.replace(/(\/?)></g, '\n$1><');
}

/** In the page: makes the picture. */
function draw(height) {
  const SVG = 'http://www.w3.org/2000/svg';
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  const colours = new Map();
  const probe = document.createElement('canvas').getContext('2d');
  const make = (name, attributes, ...content) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...content);
    return element;
  };

  /** The rules that count here, those for the dark where the picture is looked at in the dark. */
  const styles = (within) =>
    within.flatMap((rule) => {
      if (rule instanceof CSSMediaRule) return matchMedia(rule.conditionText).matches ? styles([...rule.cssRules]) : [];
      if (!(rule instanceof CSSStyleRule)) return [];
      if (/^:root\[data-theme=.dark.\]$/.test(rule.selectorText)) {
        return [`@media (prefers-color-scheme: dark) { :root { ${rule.style.cssText} } }`];
      }
      return document.querySelector(rule.selectorText.replace(/::[\w-]+/g, '')) ? [rule.cssText] : [];
    });

  /** The colour by its name, as it is another in the dark. */
  const named = (colour) => (colours.has(colour) ? `var(${colours.get(colour)})` : colour);
  for (const { style } of rules.filter(({ selectorText }) => selectorText === ':root')) {
    for (const name of [...style].filter((name) => name.startsWith('--'))) {
      const value = style.getPropertyValue(name).trim();
      if (!CSS.supports('color', value)) continue;
      probe.fillStyle = value;
      colours.set(probe.fillStyle, name);
    }
  }

  const shapesOf = (canvas) => {
    const { width, height: tall, shapes = [] } = canvas;
    const drawn = shapes.map(({ name, text = '', ...attributes }) => {
      for (const key of ['fill', 'stroke']) if (key in attributes) attributes[key] = named(attributes[key]);
      return make(name, attributes, text);
    });
    const size = { width: canvas.clientWidth, height: canvas.clientHeight, viewBox: `0 0 ${width} ${tall}` };
    return make('svg', { ...size, display: 'block' }, ...drawn);
  };

  const graphics = 'svg, canvas, input, select';

  /** Leaves out what nobody sees, and what is for whoever uses the page. */
  const tidy = (original, copy) => {
    for (const name of ['title', 'aria-label', 'aria-controls', 'tabindex', 'spellcheck', 'href']) copy.removeAttribute(name);
    if (original.matches('svg')) return copy.querySelector('title')?.remove();
    if (original.matches('select')) return copy.options[original.selectedIndex].setAttribute('selected', '');
    if (original.matches('canvas')) return copy.replaceWith(shapesOf(original));
    const copies = [...copy.children];
    [...original.children].forEach((child, n) => {
      const box = child.getBoundingClientRect();
      const isEmpty = child.textContent === '' && !child.matches(graphics) && child.querySelector(graphics) === null;
      // What is too far down here may be in the picture where letters are smaller.
      const isSeen = child.checkVisibility() && box.width > 1 && box.bottom > 0 && !isEmpty;
      if (isSeen) tidy(child, copies[n]);
      else copies[n].remove();
    });
  };
  const body = document.body.cloneNode(true);
  tidy(document.body, body);

  const width = document.documentElement.clientWidth;
  const whole = { width, height };
  const links = ':where(a) { text-decoration: underline; }';
  // WebKit puts layers where they would be if the picture were not scaled, so that there are none.
  const flat = 'body, body :not(svg) { position: static !important; overflow: visible !important; opacity: 1 !important; }';
  const style = make('style', {}, `\n${[links, ...styles(rules), flat].join('\n')}\n`);
  // Round corners, and it fades where the page goes on.
  const stop = (offset, colour) => make('stop', { offset, 'stop-color': colour });
  const fade = make('linearGradient', { id: 'fade', x2: 0, y2: 1 }, stop(0.9, 'white'), stop(1, 'black'));
  const mask = make('mask', { id: 'mask' }, make('rect', { ...whole, rx: 10, fill: 'url(#fade)' }));
  const edge = { x: 0.5, y: 0.5, width: width - 1, height: height + 10, rx: 10, fill: 'none', stroke: 'var(--line)' };
  const page = make('g', { mask: 'url(#mask)' }, make('foreignObject', whole, body), make('rect', edge));
  const picture = make('svg', { ...whole, viewBox: `0 0 ${width} ${height}` }, style, fade, mask, page);
  return new XMLSerializer().serializeToString(picture);
}

/** In the page: throws where a picture is no XML. */
function normalise(picture) {
  const read = new DOMParser().parseFromString(picture, 'image/svg+xml');
  const fault = read.querySelector('parsererror');
  if (fault) throw new Error(fault.textContent);
  const sheet = new CSSStyleSheet();
  const style = read.querySelector('style');
  sheet.replaceSync(style.textContent);
  style.textContent = `\n${[...sheet.cssRules].map(({ cssText }) => cssText.replace(/\s+/g, ' ')).join('\n')}\n`;
  return new XMLSerializer().serializeToString(read);
}
