//! Series of the rows: one for each value column, or one for each value column and group of label texts.

use std::collections::HashMap;

use model::{MetricId, OrgId, SeriesKey, TimestampMs};

use super::columns::{Columns, EXPORT_METADATA};
use super::reader::CsvRow;
use super::settings::Dialect;
use super::time::Instants;
use super::{CsvSettings, RepeatedTime};
use crate::import::identity::Attributes;
use crate::import::series::SeriesHandle;
use crate::import::sink::Sink;
use crate::import::{ImportError, SeriesIdentity};

/// Columns of InfluxDB that name a metric.
const INFLUXDB_NAMES: [&str; 2] = ["_measurement", "_field"];

/// Series of one group of label texts.
#[derive(Debug)]
pub(super) struct Group {
    /// Handle of each value column; set once the column has had a value.
    handles: Vec<Option<SeriesHandle>>,
    labels: Vec<String>,
    /// Ids that the row of an export names.
    ids: Option<SeriesKey>,
    order: Order,
}

/// Order of a group's last rows.
#[derive(Debug, Default)]
struct Order {
    last: Option<TimestampMs>,
    is_falling: bool,
}

/// Groups of one table.
#[derive(Debug, Default)]
pub(super) struct Groups {
    ordinals: HashMap<Box<[u8]>, usize>,
    groups: Vec<Group>,
    /// Label texts of the current row, and of the last one.
    key: Vec<u8>,
    last: Option<(Vec<u8>, usize)>,
}

impl Groups {
    /// Returns the group of a row.
    pub(super) fn of(&mut self, row: &CsvRow<'_>, columns: &Columns, naming: &Naming<'_>) -> Result<usize, String> {
        self.key.clear();
        for label in &columns.labels {
            // The text keeps its spaces: two texts must not become one label.
            let text = row.field(label.index);
            self.key.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.key.extend_from_slice(text);
        }
        match &self.last {
            Some((key, ordinal)) if *key == self.key => return Ok(*ordinal),
            _ => {}
        }
        let ordinal = match self.ordinals.get(self.key.as_slice()) {
            Some(ordinal) => *ordinal,
            None => self.add(row, columns, naming)?,
        };
        self.last = Some((self.key.clone(), ordinal));
        Ok(ordinal)
    }

    fn add(&mut self, row: &CsvRow<'_>, columns: &Columns, naming: &Naming<'_>) -> Result<usize, String> {
        let label = |index: usize| {
            let text = std::str::from_utf8(row.field(index));
            let text =
                text.map_err(|_| format!("field {} is not UTF-8; give --encoding, such as latin1", index + 1))?;
            if text.contains('\0') { Err(format!("field {} has zero bytes", index + 1)) } else { Ok(text.to_owned()) }
        };
        let labels: Vec<String> = columns.labels.iter().map(|column| label(column.index)).collect::<Result<_, _>>()?;
        let ids = naming.ids(columns, &labels)?;
        let ordinal = self.groups.len();
        self.groups.push(Group { handles: vec![None; columns.values.len()], labels, ids, order: Order::default() });
        self.ordinals.insert(self.key.as_slice().into(), ordinal);
        Ok(ordinal)
    }

    /// Returns the series of a group's value column.
    #[inline]
    pub(super) fn series(
        &mut self,
        ordinal: usize,
        value: usize,
        naming: &Naming<'_>,
        columns: &Columns,
        sink: &mut Sink<'_>,
    ) -> Result<SeriesHandle, ImportError> {
        let group = &mut self.groups[ordinal];
        if let Some(handle) = group.handles[value] {
            return Ok(handle);
        }
        let handle = naming.intern(group, value, columns, sink)?;
        group.handles[value] = Some(handle);
        Ok(handle)
    }

    /// Returns the instant of a group's row, by the rule for times that occur twice.
    #[inline]
    pub(super) fn instant(&mut self, ordinal: usize, at: Instants, rule: RepeatedTime) -> Result<TimestampMs, String> {
        let order = &mut self.groups[ordinal].order;
        let instant = match (at, rule) {
            (Instants::One(instant), _) => instant,
            (Instants::Two { earlier, .. }, RepeatedTime::Earlier) => earlier,
            (Instants::Two { later, .. }, RepeatedTime::Later) => later,
            (Instants::Two { earlier, later }, RepeatedTime::Infer) => {
                order.infer(earlier, later).ok_or_else(|| {
                    "it comes twice, where clocks were put back, and the rows before it do not tell which it is"
                        .to_owned()
                })?
            }
            (Instants::Two { .. }, RepeatedTime::Refuse) => {
                let cause = "it comes twice, where clocks were put back; give --repeated-time earlier, later or infer (by the \
                             order of rows)";
                return Err(cause.to_owned());
            }
        };
        order.pass(instant);
        Ok(instant)
    }
}

impl Order {
    /// Returns the first of the two instants that continues the order of rows.
    fn infer(&self, earlier: TimestampMs, later: TimestampMs) -> Option<TimestampMs> {
        match self.last {
            None => Some(earlier),
            Some(last) if self.is_falling => [later, earlier].into_iter().find(|at| *at < last),
            Some(last) => [earlier, later].into_iter().find(|at| *at > last),
        }
    }

    fn pass(&mut self, instant: TimestampMs) {
        if let Some(last) = self.last
            && last != instant
        {
            self.is_falling = instant < last;
        }
        self.last = Some(instant);
    }
}

/// Rules for the names of a file's series.
pub(super) struct Naming<'s> {
    settings: &'s CsvSettings,
    metric: &'s str,
    attributes: Attributes,
}

impl<'s> Naming<'s> {
    pub(super) fn new(settings: &'s CsvSettings, stem: &'s str) -> Self {
        let attributes = settings.attributes.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        Self { settings, metric: settings.metric.as_deref().unwrap_or(stem), attributes }
    }

    /// Returns the ids by which a row of an export names its series.
    fn ids(&self, columns: &Columns, labels: &[String]) -> Result<Option<SeriesKey>, String> {
        if self.settings.dialect != Dialect::Tailor {
            return Ok(None);
        }
        let id = |name: &str| {
            let text =
                columns.labels.iter().zip(labels).find(|(column, _)| column.name == name).map_or("", |(_, text)| text);
            let id = text.parse::<u64>().ok().filter(|id| *id > 0);
            id.ok_or_else(|| format!("{} is not an id ({name})", super::time::quoted(text.as_bytes())))
        };
        let key = SeriesKey { org: OrgId(id("org_id")?), metric: MetricId(id("metric_id")?) };
        match self.settings.org {
            Some(org) if org != key.org => Err(format!("its organisation is {}, and --org asks for {org}", key.org)),
            _ => Ok(Some(key)),
        }
    }

    fn intern(
        &self,
        group: &Group,
        value: usize,
        columns: &Columns,
        sink: &mut Sink<'_>,
    ) -> Result<SeriesHandle, ImportError> {
        let labels =
            || columns.labels.iter().map(|column| column.name.as_str()).zip(group.labels.iter().map(String::as_str));
        let target = sink.target();
        if let Some(SeriesKey { org, metric }) = group.ids {
            let metadata = labels().find(|(label, _)| *label == EXPORT_METADATA).map_or("", |(_, text)| text);
            let identity = SeriesIdentity { metric, metadata: metadata.as_bytes().to_vec() };
            return sink.series.intern(org, (target.route)(org), identity);
        }
        let mut attributes = self.attributes.clone();
        let is_name = |label: &str| self.takes_names() && INFLUXDB_NAMES.contains(&label);
        attributes
            .extend(labels().filter(|(label, _)| !is_name(label)).map(|(label, text)| (label.to_owned(), text.into())));
        let name = self.name(value, columns, labels());
        sink.series.intern(target.org, target.shard(), SeriesIdentity::new(&name, &attributes))
    }

    /// True if InfluxDB's columns name the metric, which is the case unless an option does.
    fn takes_names(&self) -> bool {
        self.settings.dialect == Dialect::InfluxDb && self.settings.metric.is_none()
    }

    fn name<'l>(&self, value: usize, columns: &Columns, labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
        if self.takes_names() {
            let labels: HashMap<_, _> = labels.collect();
            let names: Vec<_> = INFLUXDB_NAMES.iter().filter_map(|name| labels.get(name).copied()).collect();
            if !names.is_empty() {
                return names.join(".");
            }
        }
        match columns.values.as_slice() {
            [_] => self.metric.to_owned(),
            several => format!("{}.{}", self.metric, several[value].name),
        }
    }
}
