//! Where the event loop keeps its connections, by number.
//!
//! A connection belongs either to the loop or to one thread. While a thread has it, its slot
//! remembers what the kernel said about it meanwhile, since that is said only once.

use std::time::Instant;

use mio::Token;

use crate::connection::Connection;

/// The number of a slot and of its present tenant; the next tenant's differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotKey(usize);

impl SlotKey {
    fn new(index: usize, generation: u32) -> Self {
        Self((generation as usize) << 32 | index)
    }

    pub(crate) fn from_token(token: Token) -> Self {
        Self(token.0)
    }

    pub(crate) fn token(self) -> Token {
        Token(self.0)
    }

    fn index(self) -> usize {
        self.0 & 0xffff_ffff
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What the kernel says of a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    /// The peer has ended its side, or the connection has failed.
    pub(crate) is_ended: bool,
}

impl News {
    pub(crate) const READABLE: Self = Self { is_readable: true, is_writable: false, is_ended: false };

    fn and(self, other: Self) -> Self {
        Self {
            is_readable: self.is_readable || other.is_readable,
            is_writable: self.is_writable || other.is_writable,
            is_ended: self.is_ended || other.is_ended,
        }
    }

    pub(crate) fn is_any(self) -> bool {
        self != Self::default()
    }
}

#[derive(Debug)]
enum Tenant {
    None,
    Here(Box<Connection>),
    /// A thread has it.
    Held {
        news: News,
    },
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// The time of the tenant's earliest entry among the timers.
    armed: Option<Instant>,
    tenant: Tenant,
}

/// All slots of one event loop.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl Slots {
    /// Connections that exist, those that threads have included.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes a slot for a connection that `make` makes with its key.
    pub(crate) fn insert(&mut self, make: impl FnOnce(SlotKey) -> Box<Connection>) -> SlotKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, armed: None, tenant: Tenant::None });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        let key = SlotKey::new(index, slot.generation);
        slot.tenant = Tenant::Here(make(key));
        key
    }

    /// Lends out the connection at `key`, if the loop has it. `put_back` or `remove` ends this.
    pub(crate) fn take(&mut self, key: SlotKey) -> Option<Box<Connection>> {
        let slot = self.slot(key)?;
        if !matches!(slot.tenant, Tenant::Here(_)) {
            return None;
        }
        match std::mem::replace(&mut slot.tenant, Tenant::Held { news: News::default() }) {
            Tenant::Here(connection) => Some(connection),
            Tenant::None | Tenant::Held { .. } => None,
        }
    }

    /// Remembers `news` for a connection that a thread has; `false` when the loop has it.
    pub(crate) fn note(&mut self, key: SlotKey, more: News) -> bool {
        match self.slot(key).map(|slot| &mut slot.tenant) {
            Some(Tenant::Held { news }) => {
                *news = news.and(more);
                true
            }
            _ => false,
        }
    }

    /// What was said of the connection at `key` while it was lent out.
    pub(crate) fn take_news(&mut self, key: SlotKey) -> News {
        match self.slot(key).map(|slot| &mut slot.tenant) {
            Some(Tenant::Held { news }) => std::mem::take(news),
            _ => News::default(),
        }
    }

    /// Takes a lent connection back.
    pub(crate) fn put_back(&mut self, connection: Box<Connection>) {
        let key = connection.key;
        if let Some(slot) = self.slot(key) {
            slot.tenant = Tenant::Here(connection);
        }
    }

    /// Frees the slot at `key`, whoever has the connection.
    pub(crate) fn remove(&mut self, key: SlotKey) {
        if let Some(slot) = self.slot(key) {
            // Keys stay clear of the tokens that the loop uses for itself, at the top.
            slot.generation = (slot.generation + 1) & 0x7fff_ffff;
            slot.armed = None;
            slot.tenant = Tenant::None;
            self.free.push(key.index());
        }
    }

    /// The time of the earliest timer of `key`; `None` for a tenant that has gone.
    pub(crate) fn armed(&mut self, key: SlotKey) -> Option<&mut Option<Instant>> {
        self.slot(key).map(|slot| &mut slot.armed)
    }

    /// The keys of all connections that the loop has.
    pub(crate) fn here(&self) -> Vec<SlotKey> {
        let is_here = |slot: &Slot| matches!(slot.tenant, Tenant::Here(_));
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| is_here(slot)).map(|(index, slot)| SlotKey::new(index, slot.generation)).collect()
    }

    /// The idle connections that the loop has, and since when they are so.
    pub(crate) fn idle(&self) -> Vec<(Instant, SlotKey)> {
        let slots = self.slots.iter();
        slots
            .filter_map(|slot| match &slot.tenant {
                Tenant::Here(connection) if connection.is_idle() => Some((connection.waiting_since, connection.key)),
                _ => None,
            })
            .collect()
    }

    fn slot(&mut self, key: SlotKey) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(key.index())?;
        (slot.generation == key.generation() && !matches!(slot.tenant, Tenant::None)).then_some(slot)
    }
}
