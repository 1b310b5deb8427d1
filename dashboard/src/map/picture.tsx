/**
 * The map as a picture: circles as large as what apps moved, lines as strong as what goes between
 * them. It can be moved and enlarged. The list beside it says the same to who does not see it.
 */

import { select } from 'd3-selection';
import { type D3ZoomEvent, type ZoomBehavior, zoom, zoomIdentity } from 'd3-zoom';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { seen } from '../state/names';
import { bytesText } from '../state/units';
import type { Graph, Pair } from './graph';
import { readable, shortened } from './labels';
import { type Place, type Places, bounds } from './layout';

const MARGIN = 40;
const MIN_SCALE = 0.05;
const MAX_SCALE = 8;

interface Props {
  graph: Graph;
  places: Places;
  /** The app in focus. */
  chosen: string | null;
  /** The app that is pointed at, here or in the list. */
  pointed: string | null;
  onPoint(app: string | null): void;
  onChoose(app: string | null): void;
}

export function Picture({ graph, places, chosen, pointed, onPoint, onChoose }: Props) {
  const svg = useRef<SVGSVGElement>(null);
  const scene = useRef<SVGGElement>(null);
  const zooming = useRef<ZoomBehavior<SVGSVGElement, unknown>>(null);
  const [scale, setScale] = useState(1);

  useEffect(() => {
    if (svg.current === null) return;
    const behaviour = zoom<SVGSVGElement, unknown>()
      .scaleExtent([MIN_SCALE, MAX_SCALE])
      .on('zoom', ({ transform }: D3ZoomEvent<SVGSVGElement, unknown>) => {
        scene.current?.setAttribute('transform', transform.toString());
        setScale(transform.k);
      });
    zooming.current = behaviour;
    select(svg.current).call(behaviour);
    const element = svg.current;
    return () => void select(element).on('.zoom', null);
  }, []);

  const fit = () => {
    if (svg.current === null || zooming.current === null) return;
    const { clientWidth, clientHeight } = svg.current;
    const box = bounds(places);
    const k = Math.min((clientWidth - 2 * MARGIN) / box.width, (clientHeight - 2 * MARGIN) / box.height, 1.6);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const whole = zoomIdentity.translate(clientWidth / 2, clientHeight / 2).scale(Math.max(k, MIN_SCALE)).translate(-x, -y);
    select(svg.current).call(zooming.current.transform, whole);
  };
  // Only other apps make another picture: who has enlarged it keeps that while figures change.
  const names = useMemo(() => [...places.keys()].sort().join('\n'), [places]);
  useEffect(fit, [names]);
  const enlarge = (by: number) => {
    if (svg.current !== null && zooming.current !== null) select(svg.current).call(zooming.current.scaleBy, by);
  };

  const active = pointed ?? chosen;
  const near = useMemo(() => nearTo(graph, active), [graph, active]);
  const written = useMemo(
    () => readable(graph.apps, places, scale, new Set(near ?? [])),
    [graph, places, Math.round(Math.log2(scale) * 4), near],
  );
  const most = Number(graph.pairs[0]?.bytes ?? 0);

  return (
    <div class="picture">
      <svg ref={svg} role="img" aria-label={`Service map of ${graph.apps.length} apps. The list of apps says the same.`}>
        <defs>
          {['plain', 'out', 'in'].map((kind) => (
            <marker key={kind} id={`tip-${kind}`} class={`tip tip-${kind}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0 8 4 0 8z" />
            </marker>
          ))}
        </defs>
        <g ref={scene} onMouseLeave={() => onPoint(null)}>
          {graph.pairs.map((pair) => (
            <Edge key={JSON.stringify([pair.source, pair.target])} pair={pair} places={places} most={most} active={active} />
          ))}
          {graph.apps.map(({ name, bytes }) => {
            const place = places.get(name);
            if (place === undefined) return null;
            const isFaint = near !== null && !near.has(name);
            return (
              <g
                key={name}
                class={`node${isFaint ? ' is-faint' : ''}${name === chosen ? ' is-chosen' : ''}`}
                transform={`translate(${place.x},${place.y})`}
                data-app={name}
                onMouseEnter={() => onPoint(name)}
                onMouseLeave={() => onPoint(null)}
                onClick={() => onChoose(name === chosen ? null : name)}
              >
                <title>{`${seen(name)}: ${bytesText(bytes)}`}</title>
                <circle r={place.radius} />
              </g>
            );
          })}
          {graph.apps.map(({ name }) => {
            const place = places.get(name);
            if (place === undefined || !written.has(name)) return null;
            const isFaint = near !== null && !near.has(name);
            return (
              <text
                key={name}
                class={isFaint ? 'label is-faint' : 'label'}
                x={place.x}
                y={place.y + place.radius}
                dy={13 / scale}
                font-size={12 / scale}
                stroke-width={3.5 / scale}
              >
                {shortened(seen(name))}
              </text>
            );
          })}
        </g>
      </svg>
      <div class="picture-tools">
        <button type="button" aria-label="Enlarge" onClick={() => enlarge(1.4)}>
          +
        </button>
        <button type="button" aria-label="Reduce" onClick={() => enlarge(1 / 1.4)}>
          −
        </button>
        <button type="button" onClick={fit}>
          Fit
        </button>
      </div>
    </div>
  );
}

/** An app and its neighbours; nothing when none is active. */
function nearTo({ pairs }: Graph, app: string | null): ReadonlySet<string> | null {
  if (app === null) return null;
  const near = new Set([app]);
  for (const { source, target } of pairs) {
    if (source === app) near.add(target);
    if (target === app) near.add(source);
  }
  return near;
}

function Edge({ pair, places, most, active }: { pair: Pair; places: Places; most: number; active: string | null }) {
  const [from, to] = [places.get(pair.source), places.get(pair.target)];
  if (from === undefined || to === undefined) return null;
  const kind = active === null ? 'plain' : pair.source === active ? 'out' : pair.target === active ? 'in' : 'faint';
  const width = 0.8 + 9 * Math.sqrt(most > 0 ? Number(pair.bytes) / most : 0);
  return (
    <path
      class={`edge edge-${kind}`}
      d={pair.source === pair.target ? loop(from) : curve(from, to)}
      stroke-width={width}
      marker-end={kind === 'faint' ? undefined : `url(#tip-${kind})`}
    >
      <title>{`${seen(pair.source)} → ${seen(pair.target)}: ${bytesText(pair.bytes)}`}</title>
    </path>
  );
}

/** From the rim of one circle to that of another, bent, so that both directions are seen. */
function curve(from: Place, to: Place): string {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / length, dy / length];
  const bend = Math.min(28, length * 0.12);
  const [cx, cy] = [(from.x + to.x) / 2 - uy * bend, (from.y + to.y) / 2 + ux * bend];
  const [ax, ay] = [from.x + ux * from.radius, from.y + uy * from.radius];
  const [bx, by] = [to.x - ux * (to.radius + 2), to.y - uy * (to.radius + 2)];
  return [`M${round(ax)} ${round(ay)}`, `Q${round(cx)} ${round(cy)}`, `${round(bx)} ${round(by)}`].join(' ');
}

/** What an app sends to itself. */
function loop({ x, y, radius }: Place): string {
  const [left, right, top] = [x - radius * 0.6, x + radius * 0.6, y - radius * 0.8];
  const high = y - radius - 26;
  return `M${round(left)} ${round(top)} C${round(left - 12)} ${round(high)} ${round(right + 12)} ${round(high)} ${round(right)} ${round(top)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
