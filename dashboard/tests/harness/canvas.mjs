// What is drawn on a page's canvases, as shapes of SVG: as much as uPlot and the chart use.

/** Has it noted, from before the page loads. It comes in by the debugger, for which no policy counts. */
export async function noteDrawing(page) {
  await page.addInitScript(noteShapes);
}

/** In the page: keeps the shapes of each canvas in `canvas.shapes`, and of a path its `d`. */
function noteShapes() {
  const proto = CanvasRenderingContext2D.prototype;
  const real = Object.getOwnPropertyDescriptors(proto);
  const number = (value) => Math.round(value * 100) / 100;
  const rect = (x, y, width, height) => `M${number(x)} ${number(y)}h${number(width)}v${number(height)}h${number(-width)}z`;
  const segments = { moveTo: (x, y) => `M${number(x)} ${number(y)}`, lineTo: (x, y) => `L${number(x)} ${number(y)}`, rect };
  const noted = ['fillRect', 'fill', 'stroke', 'fillText', 'beginPath', 'clearRect'];
  // Clips are passed over: nothing that is drawn leaves the plot.
  const passed = ['save', 'restore', 'translate', 'clip', 'setLineDash', 'measureText', 'getTransform'];

  for (const of of [proto, Path2D.prototype]) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
      if (typeof value !== 'function' || ['constructor', ...noted, ...passed].includes(name)) continue;
      of[name] = function (...at) {
        // Better none than a picture with something missing.
        if (!(name in segments)) throw new Error(`harness/canvas.mjs does not know ${name}`);
        this.d = (this.d ?? '') + segments[name](...at);
        return value.apply(this, at);
      };
    }
  }

  const note = (method, shapeOf) => {
    proto[method] = function (...given) {
      const { e, f } = this.getTransform();
      const moved = e === 0 && f === 0 ? {} : { transform: `translate(${e} ${f})` };
      (this.canvas.shapes ??= []).push({ ...shapeOf(this, ...given), ...moved });
      return real[method].value.apply(this, given);
    };
  };
  note('fillRect', (drawn, ...at) => ({ name: 'path', d: rect(...at), fill: drawn.fillStyle }));
  note('fill', (drawn, path = drawn) => ({ name: 'path', d: path.d ?? '', fill: drawn.fillStyle }));
  note('stroke', (drawn, path = drawn) => ({ name: 'path', d: path.d ?? '', stroke: drawn.strokeStyle, 'stroke-width': drawn.lineWidth }));
  note('fillText', (drawn, text, x, y) => ({
    name: 'text',
    text,
    x: number(x),
    y: number(y),
    fill: drawn.fillStyle,
    'font-size': parseFloat(drawn.font),
    'font-family': drawn.font.replace(/^\S+ /, ''),
    'text-anchor': { left: 'start', center: 'middle', right: 'end' }[drawn.textAlign] ?? drawn.textAlign,
    'dominant-baseline': { top: 'text-before-edge', middle: 'central' }[drawn.textBaseline] ?? 'auto',
  }));
  proto.beginPath = function () {
    this.d = '';
    real.beginPath.value.call(this);
  };
  // A drawing begins with this.
  proto.clearRect = function (...all) {
    this.canvas.shapes = [];
    real.clearRect.value.apply(this, all);
  };
}
