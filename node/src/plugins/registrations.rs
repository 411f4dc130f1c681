//! What plugins add to the node's interfaces, collected before anything is served.

use super::HostError;
use crate::mempool::PolicyHooks;
use chaincore_plugin::api::{Method, Route};
use chaincore_plugin::{ApiRegistry, MempoolFilter, TemplateOrder};
use std::sync::Arc;

/// The most methods and paths of one plugin.
const MAX_EACH: usize = 64;

/// What plugins have registered, each with the plugin's id. No two methods have the same name, and no two paths of a
/// plugin.
#[derive(Clone, Default)]
pub struct Registered {
    /// RPC methods.
    pub methods: Vec<(String, Method)>,
    /// REST paths, below `/plugins/<id>/`.
    pub routes: Vec<(String, Route)>,
    /// Says in the order of templates.
    pub template_orders: Vec<(String, Arc<dyn TemplateOrder>)>,
    /// Says in what the mempool takes.
    pub mempool_filters: Vec<(String, Arc<dyn MempoolFilter>)>,
}

impl Registered {
    /// What the plugins have to say in policy, in the order in which they were taken in.
    pub fn policy_hooks(&self) -> PolicyHooks {
        let filters = self.mempool_filters.iter().map(|(_, filter)| filter.clone());
        let orders = self.template_orders.iter().map(|(_, order)| order.clone());
        PolicyHooks::new(filters.collect(), orders.collect())
    }
}

/// Collects what one plugin registers.
pub(super) struct Collector<'a> {
    id: &'a str,
    all: &'a mut Registered,
    methods: usize,
    routes: usize,
    wrong: Option<String>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(id: &'a str, all: &'a mut Registered) -> Self {
        Self { id, all, methods: 0, routes: 0, wrong: None }
    }

    pub(super) fn finish(self) -> Result<(), HostError> {
        match self.wrong {
            None => Ok(()),
            Some(what) => Err(HostError::Registration { id: self.id.into(), what }),
        }
    }

    fn refuse(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}

fn is_made_of(text: &str, others: &[u8]) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || others.contains(&byte))
}

impl ApiRegistry for Collector<'_> {
    fn method(&mut self, method: Method) {
        if method.name.is_empty() || !is_made_of(&method.name, b"_-") {
            return self.refuse(format!("'{}' cannot be the name of a method", method.name));
        }
        let optional: Vec<bool> = method.parameters.iter().map(|parameter| parameter.optional).collect();
        if !optional.is_sorted() {
            return self
                .refuse(format!("a required argument of '{}' comes after an optional one", method.name));
        }
        let taken = self.all.methods.iter().find(|(_, other)| other.name == method.name);
        if let Some((by, _)) = taken {
            return self.refuse(format!("the method '{}' belongs to the plugin '{by}' already", method.name));
        }
        self.methods += 1;
        if self.methods > MAX_EACH {
            return self.refuse(format!("it adds more than {MAX_EACH} methods"));
        }
        self.all.methods.push((self.id.into(), method));
    }

    fn route(&mut self, route: Route) {
        if !is_made_of(&route.path, b"_-") {
            return self.refuse(format!("'{}' cannot be a path", route.path));
        }
        if self.all.routes.iter().any(|(id, other)| id == self.id && other.path == route.path) {
            return self.refuse(format!("the path '{}' is registered twice", route.path));
        }
        self.routes += 1;
        if self.routes > MAX_EACH {
            return self.refuse(format!("it adds more than {MAX_EACH} paths"));
        }
        self.all.routes.push((self.id.into(), route));
    }

    fn template_order(&mut self, order: Arc<dyn TemplateOrder>) {
        self.all.template_orders.push((self.id.into(), order));
    }

    fn mempool_filter(&mut self, filter: Arc<dyn MempoolFilter>) {
        self.all.mempool_filters.push((self.id.into(), filter));
    }
}
