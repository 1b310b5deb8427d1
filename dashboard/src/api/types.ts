/** What the service answers, as docs/api.md and /openapi.json describe it. */

/** A number of bytes. A `bigint` where a number would not be exact. */
export type Bytes = number | bigint;

/** Whether all has arrived: null when that cannot be told. */
export type Complete = boolean | null;

export type NameField = 'src_app' | 'dest_app' | 'vpc_id';
export type GroupField = NameField | 'hour';
export type Reporter = 'source' | 'destination';

export interface Flow {
  src_app: string;
  dest_app: string;
  vpc_id: string;
  bytes_tx: Bytes;
  bytes_rx: Bytes;
  hour: number;
}

export interface Sums {
  bytes_tx: Bytes;
  bytes_rx: Bytes;
  bytes_total: Bytes;
  flows: number;
}

export interface HourRow extends Sums {
  hour: number;
  start: string | null;
  complete: Complete;
}

export interface Hours {
  hours: HourRow[];
}

export interface SummaryRow extends Sums {
  src_app?: string;
  dest_app?: string;
  vpc_id?: string;
  hour?: number | null;
  groups: number;
}

export interface Summary {
  rows: SummaryRow[];
  total: Sums & { groups: number };
  complete?: Complete;
}

export interface Hints {
  hints: { value: string; bytes_total: Bytes }[];
}

export interface AuditRow {
  hour: number;
  src_app: string;
  dest_app: string;
  vpc_id: string;
  reported_by: 'both' | 'source' | 'destination';
  source_bytes_tx: Bytes;
  source_bytes_rx: Bytes;
  destination_bytes_tx: Bytes;
  destination_bytes_rx: Bytes;
  difference_bytes: Bytes;
}

export interface Audit {
  rows: AuditRow[];
  total: {
    flows: number;
    agreeing: number;
    disagreeing: number;
    one_sided: number;
    difference_bytes: Bytes;
  };
  complete?: Complete;
}

export interface Witness {
  id: string;
  watermark_ms: number;
  last_seen: string | null;
  clock_offset_ms: number | null;
}

/** Readers that are limited to certain VPCs are told `complete` and `reasons` alone. */
export interface Completeness {
  hour: number;
  complete: Complete;
  reasons: string[];
  instances?: {
    reported: number;
    outstanding: number;
    lost: number;
    lost_before: number;
    skewed: number;
  };
  outstanding?: Witness[];
  lost?: Witness[];
  skewed?: Witness[];
  lost_bytes?: Bytes;
  folded_bytes?: Bytes;
}

export interface Instance {
  id: string;
  sequence: number;
  reporter: Reporter;
  watermark_ms: number;
  lost_bytes: Bytes;
  folded_bytes: Bytes;
  last_seen: string | null;
  first_hour: number;
  ended: boolean;
  clock_offset_ms: number | null;
}

export interface Instances {
  instances: Instance[];
  next_cursor: string | null;
}
