/**
 * Totals over time, drawn by uPlot: a bar an hour, with a part for each direction, and under it
 * whether the hour is complete. A click chooses an hour, dragging a range, and so do arrow keys.
 */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import type { HourRow } from '../api/types';
import { type Range, clockText, dayText, hourText, isTime } from '../state/hours';
import { bytesText, counted } from '../state/units';
import { completeWord } from './figures';

const HEIGHT = 190;
const STRIP = 4;

interface Props {
  hours: readonly HourRow[];
  window: Range;
  range: Range;
  isDark: boolean;
  onHour(hour: number): void;
  onRange(first: number, last: number): void;
}

/** As many hours are drawn with those between them that have no flows. */
const MAX_FILLED = 5_000;

/** Where hours are on the axis: at their number, or one beside the other when they are far apart. */
class Axis {
  readonly isOrdinal: boolean;
  readonly xs: number[];
  readonly hours: readonly HourRow[];

  constructor(rows: readonly HourRow[], window: Range) {
    const numbers = rows.map(({ hour }) => hour);
    const [first, last] = [numbers[0] ?? 0, numbers.at(-1) ?? 0];
    this.isOrdinal = last - first > MAX_FILLED && last - first > 4 * numbers.length;
    // Bars are as wide as their hour only between others.
    const isShort = window.first > 0 && last - window.first < MAX_FILLED;
    const end = Math.max(last, Math.min(window.last ?? last, first + MAX_FILLED));
    this.hours = this.isOrdinal ? rows : filled(rows, isShort ? window.first : first, end);
    this.xs = this.isOrdinal ? numbers.map((_, n) => n) : this.hours.map(({ hour }) => hour);
  }

  hourAt(x: number): number {
    const at = Math.max(0, Math.round(x));
    return this.isOrdinal ? (this.hours[Math.min(at, this.hours.length - 1)]?.hour ?? 0) : at;
  }

  xOf(hour: number): number {
    if (!this.isOrdinal) return hour;
    const at = this.hours.findIndex((row) => row.hour >= hour);
    return at < 0 ? this.hours.length : at;
  }

  label(x: number): string {
    if (this.isOrdinal && (x < 0 || x > this.hours.length - 1 || !Number.isInteger(x))) return '';
    const hour = this.hourAt(x);
    if (!isTime(hour)) return String(hour);
    if (this.isOrdinal) return `${dayText(hour)} ${clockText(hour)}`;
    return hour % 24 === 0 ? dayText(hour) : clockText(hour);
  }
}

/** Every hour from the first to the last, also those without flows. */
function filled(rows: readonly HourRow[], first: number, last: number): HourRow[] {
  if (last - first > MAX_FILLED) return [...rows];
  const known = new Map(rows.map((row) => [row.hour, row]));
  const none = { start: null, flows: 0, bytes_tx: 0, bytes_rx: 0, bytes_total: 0, complete: null };
  return Array.from({ length: last - first + 1 }, (_, n) => known.get(first + n) ?? { hour: first + n, ...none });
}

export function Chart(props: Props) {
  const { hours, window, isDark } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const axis = useMemo(() => new Axis(hours, window), [hours, window.first, window.last]);
  const latest = useRef({ props, axis });
  latest.current = { props, axis };
  const [pointed, setPointed] = useState<HourRow | null>(null);

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const made = new uPlot(options(element, latest, setPointed), data(axis), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [window.first, window.last, axis.isOrdinal, isDark]);

  // What is pointed at, and dragged over, stays while figures change.
  useEffect(() => plot.current?.setData(data(axis)), [axis]);
  useEffect(() => plot.current?.redraw(false, false), [props.range.first, props.range.last]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined && hours.length > 0) {
      const at = pointed === null ? (step > 0 ? -1 : hours.length) : hours.findIndex(({ hour }) => hour === pointed.hour);
      const row = hours[Math.max(0, Math.min(hours.length - 1, at + step))];
      if (row !== undefined) setPointed(row);
    } else if (event.key === 'Enter' && pointed !== null) props.onHour(pointed.hour);
    else return;
    event.preventDefault();
  };

  return (
    <div
      class="chart"
      role="application"
      tabIndex={0}
      aria-label="Bytes by hour. Left and right arrows move, Enter shows the hour alone. The same figures are in the table below."
      onKeyDown={onKeyDown}
    >
      <div ref={holder} class="chart-plot" />
      <p class="chart-said" aria-live="polite">
        {pointed === null ? <Legend /> : <Said row={pointed} />}
      </p>
    </div>
  );
}

function Legend() {
  return (
    <>
      <span class="key key-sent">sent</span>
      <span class="key key-returned">returned</span>
      <span class="key key-true">complete</span>
      <span class="key key-false">not complete</span>
      <span class="key key-null">not known</span>
      <span class="hint">click an hour, or drag over several</span>
    </>
  );
}

function Said({ row }: { row: HourRow }) {
  return (
    <>
      <strong>{hourText(row.hour)}</strong>
      <span>
        {bytesText(row.bytes_total)} ({bytesText(row.bytes_tx)} sent, {bytesText(row.bytes_rx)} returned)
      </span>
      <span>{counted(row.flows, 'flow')}</span>
      {row.flows > 0 && <span>{completeWord(row.complete)}</span>}
    </>
  );
}

/** The whole is drawn first, and what was sent over it. */
function data(axis: Axis): uPlot.AlignedData {
  return [
    axis.xs,
    axis.hours.map(({ bytes_total }) => Number(bytes_total)),
    axis.hours.map(({ bytes_tx }) => Number(bytes_tx)),
  ];
}

/** What is shown now, for hooks that are made once. */
interface Latest {
  readonly current: { props: Props; axis: Axis };
}

function options(
  element: HTMLElement,
  latest: Latest,
  point: (row: HourRow | null) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.8, 48], align: 0 });
  const text = { stroke: colour('--muted'), font: '12px system-ui, sans-serif' };
  const grid = { stroke: colour('--line'), width: 1 };
  const ends = (): [number, number] => {
    const { axis, props } = latest.current;
    const { window } = props;
    if (axis.isOrdinal || window.first === 0) return [(axis.xs[0] ?? 0) - 0.6, (axis.xs.at(-1) ?? 1) + 0.6];
    return [window.first - 0.6, Math.max(window.last ?? 0, axis.xs.at(-1) ?? 0, window.first + 1) + 0.6];
  };
  return {
    width: element.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    cursor: { points: { show: false }, y: false, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: false, range: ends },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      {
        ...text,
        incrs: latest.current.axis.isOrdinal ? [1, 2, 5, 10, 20, 50, 100, 500] : [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160, 8760, 87600],
        space: 58,
        size: 34,
        values: (_, splits) => splits.map((x) => latest.current.axis.label(x)),
        grid: { show: false },
        ticks: { ...grid, size: 4 },
      },
      { ...text, size: 62, grid, ticks: { show: false }, values: (_, splits) => splits.map((bytes) => bytesText(Math.round(bytes))) },
    ],
    series: [
      {},
      { paths: bars, fill: colour('--returned'), width: 0, points: { show: false } },
      { paths: bars, fill: colour('--sent'), width: 0, points: { show: false } },
    ],
    hooks: {
      drawClear: [(plot) => drawRange(plot, latest, colour('--chosen'), colour('--accent'))],
      draw: [(plot) => drawComplete(plot, latest.current.axis, (complete) => colour(`--is-${complete}`))],
      ready: [(plot) => listen(plot, latest)],
      setCursor: [
        (plot) => {
          const { idx, left } = plot.cursor;
          point(idx == null || left == null || left < 0 ? null : (latest.current.axis.hours[idx] ?? null));
        },
      ],
    },
  };
}

/** The chosen hours have another ground. */
function drawRange(plot: uPlot, latest: Latest, ground: string, edge: string): void {
  const { axis, props } = latest.current;
  const { range } = props;
  const { left, top, width, height } = plot.bbox;
  const x = (value: number) => Math.max(left, Math.min(left + width, plot.valToPos(value, 'x', true)));
  const first = x(axis.xOf(range.first) - 0.5);
  const last = range.last === null ? left + width : x(axis.xOf(range.last + 1) - 0.5);
  plot.ctx.fillStyle = ground;
  plot.ctx.fillRect(first, top, last - first, height);
  plot.ctx.fillStyle = edge;
  plot.ctx.fillRect(first, top, last - first, 2 * uPlot.pxRatio);
}

function drawComplete(plot: uPlot, axis: Axis, colour: (complete: string) => string): void {
  const { left, top, width, height } = plot.bbox;
  const ratio = uPlot.pxRatio;
  axis.hours.forEach(({ complete, flows }, n) => {
    if (flows === 0) return;
    const x = axis.xs[n] ?? 0;
    const from = Math.max(left, plot.valToPos(x - 0.42, 'x', true));
    const to = Math.min(left + width, plot.valToPos(x + 0.42, 'x', true));
    plot.ctx.fillStyle = colour(String(complete));
    plot.ctx.fillRect(from, top + height, Math.max(1, to - from), STRIP * ratio);
  });
}

/** Clicks and drags. A drag of a few pixels is a click by an unsteady hand. */
function listen(plot: uPlot, latest: Latest): void {
  const pixel = (event: MouseEvent) => {
    const { left, width } = plot.over.getBoundingClientRect();
    return Math.max(0, Math.min(width, event.clientX - left));
  };
  const hour = (at: number) => latest.current.axis.hourAt(plot.posToVal(at, 'x'));
  plot.over.addEventListener('mousedown', (down) => {
    const start = pixel(down);
    const finish = (up: MouseEvent) => {
      const [from, to] = [Math.min(start, pixel(up)), Math.max(start, pixel(up))];
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      if (to - from < 5 || hour(from) === hour(to)) latest.current.props.onHour(hour(to));
      else latest.current.props.onRange(hour(from), hour(to));
    };
    // Also when the hand has left the chart meanwhile.
    document.addEventListener('mouseup', finish, { once: true });
  });
}
