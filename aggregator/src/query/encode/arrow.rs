//! Flows as an Arrow IPC stream of record batches.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{StringBuilder, UInt32Builder, UInt64Builder};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use flow_model::Flow;

use super::Encoder;
use crate::limits::ARROW_BATCH_ROWS;
use crate::store::ReadError;

pub(super) struct Arrow {
    schema: Arc<Schema>,
    writer: StreamWriter<Vec<u8>>,
    columns: Columns,
}

/// The columns of the record batch that is being filled.
#[derive(Default)]
struct Columns {
    names: [StringBuilder; 3],
    counters: [UInt64Builder; 2],
    hours: UInt32Builder,
    rows: usize,
}

impl Arrow {
    pub fn new() -> Result<Self, ReadError> {
        let column = |(name, kind)| Field::new(name, kind, false);
        let schema = Arc::new(Schema::new(Vec::from(
            [
                ("src_app", DataType::Utf8),
                ("dest_app", DataType::Utf8),
                ("vpc_id", DataType::Utf8),
                ("bytes_tx", DataType::UInt64),
                ("bytes_rx", DataType::UInt64),
                ("hour", DataType::UInt32),
            ]
            .map(column),
        )));
        // The schema's message is written at once, into the writer's own buffer.
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        Ok(Self { schema, writer, columns: Columns::default() })
    }

    fn write_batch(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        if self.columns.rows > 0 {
            let batch = self.columns.take(&self.schema).map_err(failed)?;
            self.writer.write(&batch).map_err(failed)?;
        }
        out.append(self.writer.get_mut());
        Ok(())
    }
}

impl Columns {
    fn push(&mut self, flow: &Flow<'_>) {
        let names = [&flow.key.src_app, &flow.key.dest_app, &flow.key.vpc_id];
        self.names
            .iter_mut()
            .zip(names)
            .for_each(|(column, name)| column.append_value(name.as_str()));
        let counters = [flow.counters.bytes_tx(), flow.counters.bytes_rx()];
        self.counters.iter_mut().zip(counters).for_each(|(column, n)| column.append_value(n));
        self.hours.append_value(flow.hour);
        self.rows += 1;
    }

    fn take(&mut self, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
        let [src_app, dest_app, vpc_id] = &mut self.names;
        let [bytes_tx, bytes_rx] = &mut self.counters;
        self.rows = 0;
        RecordBatch::try_new(
            Arc::clone(schema),
            vec![
                Arc::new(src_app.finish()),
                Arc::new(dest_app.finish()),
                Arc::new(vpc_id.finish()),
                Arc::new(bytes_tx.finish()),
                Arc::new(bytes_rx.finish()),
                Arc::new(self.hours.finish()),
            ],
        )
    }
}

impl Encoder for Arrow {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        self.write_batch(out)
    }

    fn flow(&mut self, flow: &Flow<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        self.columns.push(flow);
        if self.columns.rows < ARROW_BATCH_ROWS {
            return Ok(());
        }
        self.write_batch(out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        self.write_batch(out)?;
        self.writer.finish().map_err(failed)?;
        out.append(self.writer.get_mut());
        Ok(())
    }
}

fn failed(error: ArrowError) -> ReadError {
    ReadError(format!("an Arrow record batch cannot be written: {error}"))
}
