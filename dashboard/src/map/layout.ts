/**
 * Where apps are on the map: by d3-force, which gives the same places for the same apps, so that
 * who opens a shared link sees the same map. Calculated in slices, so that the page stays responsive.
 */

import {
  type SimulationLinkDatum,
  type SimulationNodeDatum,
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
} from 'd3-force';

import type { Graph } from './graph';

export interface Place {
  x: number;
  y: number;
  radius: number;
}

export type Places = ReadonlyMap<string, Place>;

interface Node extends SimulationNodeDatum {
  name: string;
  radius: number;
}

interface Link extends SimulationLinkDatum<Node> {
  /** What of the way is within the circles. */
  rims: number;
}

const MIN_RADIUS = 6;
const MAX_RADIUS = 34;

/** How long a slice of the work is. */
const SLICE_MS = 10;

/** Areas go with bytes. */
export function radiusOf(bytes: number, most: number): number {
  return most > 0 ? MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * Math.sqrt(bytes / most) : MIN_RADIUS;
}

/** Finds places, beginning from those that are known. */
export async function layOut(graph: Graph, known: Places, signal: AbortSignal): Promise<Places> {
  const most = Number(graph.apps[0]?.bytes ?? 0);
  const nodes = graph.apps.map(({ name, bytes }): Node => {
    const before = known.get(name);
    const radius = radiusOf(Number(bytes), most);
    return before === undefined ? { name, radius } : { name, radius, x: before.x, y: before.y };
  });
  const isSame = known.size > 0 && nodes.every(({ name }) => known.has(name));
  if (!isSame) await settle(nodes, graph, signal);
  return new Map(nodes.map(({ name, radius, x = 0, y = 0 }) => [name, { x, y, radius }]));
}

async function settle(nodes: Node[], graph: Graph, signal: AbortSignal): Promise<void> {
  const radius = new Map(nodes.map((node) => [node.name, node.radius]));
  const links = graph.pairs
    .filter(({ source, target }) => source !== target)
    .map(({ source, target }): Link => {
      return { source, target, rims: (radius.get(source) ?? 0) + (radius.get(target) ?? 0) };
    });
  const room = 1 + Math.min(1.2, nodes.length / 150);
  const simulation = forceSimulation(nodes)
    .force('link', forceLink<Node, Link>(links).id(({ name }) => name).distance(({ rims }) => 55 * room + rims))
    .force('charge', forceManyBody<Node>().strength(({ radius }) => -160 * room - 6 * radius))
    .force('collide', forceCollide<Node>().radius(({ radius }) => radius + 9).iterations(2))
    // Screens are wider than high.
    .force('x', forceX<Node>().strength(0.035))
    .force('y', forceY<Node>().strength(0.1))
    .stop();
  let slice = performance.now();
  while (simulation.alpha() > simulation.alphaMin()) {
    simulation.tick();
    if (performance.now() - slice > SLICE_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      slice = performance.now();
    }
  }
}

/** The part of the plane that has all places in it. */
export function bounds(places: Places): { x: number; y: number; width: number; height: number } {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, radius } of places.values()) {
    left = Math.min(left, x - radius);
    right = Math.max(right, x + radius);
    top = Math.min(top, y - radius);
    bottom = Math.max(bottom, y + radius);
  }
  if (left > right) return { x: 0, y: 0, width: 1, height: 1 };
  return { x: left, y: top, width: right - left, height: bottom - top };
}
