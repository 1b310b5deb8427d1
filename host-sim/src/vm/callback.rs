//! The functions that a plugin exports for the host to call: their names, their signatures in each
//! version of the ABI, and a typed handle to each that a module has.

use wasmtime::{AsContextMut, Instance, Store, TypedFunc, ValType, WasmResults};

use super::state::VmState;
use crate::abi::AbiVersion;

/// Declares the callbacks: name, how many `i32` they take, and whether they answer with one.
macro_rules! callbacks {
    ($($name:ident = $export:literal, $params:literal, $answers:literal;)*) => {
        /// A function that a plugin may export for the host to call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Callback { $($name),* }

        impl Callback {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Under which name it is exported.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $export),* }
            }

            /// How many parameters it has in ABI 0.2, and whether it has a result.
            fn newest_signature(self) -> (usize, bool) {
                match self { $(Self::$name => ($params, $answers)),* }
            }
        }
    };
}

callbacks! {
    Initialize = "_initialize", 0, false;
    Start = "_start", 0, false;
    Constructors = "__wasm_call_ctors", 0, false;
    Main = "main", 2, true;
    ContextCreate = "proxy_on_context_create", 2, false;
    VmStart = "proxy_on_vm_start", 2, true;
    Configure = "proxy_on_configure", 2, true;
    Tick = "proxy_on_tick", 1, false;
    NewConnection = "proxy_on_new_connection", 1, true;
    DownstreamData = "proxy_on_downstream_data", 3, true;
    UpstreamData = "proxy_on_upstream_data", 3, true;
    DownstreamClose = "proxy_on_downstream_connection_close", 2, false;
    UpstreamClose = "proxy_on_upstream_connection_close", 2, false;
    RequestHeaders = "proxy_on_request_headers", 3, true;
    RequestBody = "proxy_on_request_body", 3, true;
    RequestTrailers = "proxy_on_request_trailers", 2, true;
    ResponseHeaders = "proxy_on_response_headers", 3, true;
    ResponseBody = "proxy_on_response_body", 3, true;
    ResponseTrailers = "proxy_on_response_trailers", 2, true;
    HttpCallResponse = "proxy_on_http_call_response", 5, false;
    GrpcInitialMetadata = "proxy_on_grpc_receive_initial_metadata", 3, false;
    GrpcMessage = "proxy_on_grpc_receive", 3, false;
    GrpcTrailingMetadata = "proxy_on_grpc_receive_trailing_metadata", 3, false;
    GrpcClose = "proxy_on_grpc_close", 3, false;
    QueueReady = "proxy_on_queue_ready", 2, false;
    ForeignFunction = "proxy_on_foreign_function", 3, false;
    Done = "proxy_on_done", 1, true;
    Log = "proxy_on_log", 1, false;
    Delete = "proxy_on_delete", 1, false;
}

impl Callback {
    /// How many `i32` it takes in this version, and whether it answers with one.
    pub(crate) fn signature(self, abi: AbiVersion) -> (usize, bool) {
        match (self, abi) {
            // The end of the stream came with 0.2.0.
            (Self::RequestHeaders | Self::ResponseHeaders, AbiVersion::V0_1_0) => (2, true),
            _ => self.newest_signature(),
        }
    }

    /// Whether a module's function has the signature that this version asks for.
    pub(crate) fn accepts(self, abi: AbiVersion, function: &wasmtime::FuncType) -> bool {
        let is_word = |word: ValType| matches!(word, ValType::I32);
        let (params, answers) = self.signature(abi);
        let all_words = function.params().chain(function.results()).all(is_word);
        // A C `main` may come without arguments, which then are not given.
        let params_fit = function.params().len() == params
            || (self == Self::Main && function.params().len() == 0);
        all_words && params_fit && function.results().len() == usize::from(answers)
    }
}

/// A handle to a function, by how many parameters it has.
enum Function<R> {
    Zero(TypedFunc<(), R>),
    One(TypedFunc<u32, R>),
    Two(TypedFunc<(u32, u32), R>),
    Three(TypedFunc<(u32, u32, u32), R>),
    Five(TypedFunc<(u32, u32, u32, u32, u32), R>),
}

impl<R: WasmResults> Function<R> {
    fn find(store: &mut Store<VmState>, instance: &Instance, name: &str) -> Option<Self> {
        let function = instance.get_func(store.as_context_mut(), name)?;
        let params = function.ty(&*store).params().len();
        match params {
            0 => function.typed(&*store).ok().map(Self::Zero),
            1 => function.typed(&*store).ok().map(Self::One),
            2 => function.typed(&*store).ok().map(Self::Two),
            3 => function.typed(&*store).ok().map(Self::Three),
            5 => function.typed(&*store).ok().map(Self::Five),
            _ => None,
        }
    }

    /// Calls it with as many of the arguments as it takes.
    fn call(&self, store: &mut Store<VmState>, args: &[u32]) -> wasmtime::Result<R> {
        match (self, args) {
            (Self::Zero(function), _) => function.call(store, ()),
            (Self::One(function), [a, ..]) => function.call(store, *a),
            (Self::Two(function), [a, b, ..]) => function.call(store, (*a, *b)),
            (Self::Three(function), [a, b, c, ..]) => function.call(store, (*a, *b, *c)),
            (Self::Five(function), [a, b, c, d, e, ..]) => {
                function.call(store, (*a, *b, *c, *d, *e))
            }
            _ => Err(wasmtime::Error::msg("it takes more arguments than there are")),
        }
    }
}

enum Handle {
    Silent(Function<()>),
    Answering(Function<u32>),
}

/// What one instance exports, looked up once.
pub(crate) struct Callbacks(Vec<Option<Handle>>);

impl Callbacks {
    pub(crate) fn find(store: &mut Store<VmState>, instance: &Instance) -> Self {
        let handle = |callback: &Callback| {
            let (name, (_, answers)) = (callback.name(), callback.newest_signature());
            if answers {
                Function::find(store, instance, name).map(Handle::Answering)
            } else {
                Function::find(store, instance, name).map(Handle::Silent)
            }
        };
        Self(Callback::ALL.iter().map(handle).collect())
    }

    pub(crate) fn has(&self, callback: Callback) -> bool {
        self.0.get(callback as usize).is_some_and(Option::is_some)
    }

    /// Calls it; `None` when the plugin does not export it, or it has no answer.
    pub(crate) fn call(
        &self,
        store: &mut Store<VmState>,
        callback: Callback,
        args: &[u32],
    ) -> wasmtime::Result<Option<u32>> {
        match self.0.get(callback as usize).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Handle::Silent(function)) => function.call(store, args).map(|()| None),
            Some(Handle::Answering(function)) => function.call(store, args).map(Some),
        }
    }
}
