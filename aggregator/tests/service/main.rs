//! Tests of the program `fas` from outside: over real HTTP, with real signals, on a real disk.

mod crash;
mod fas;
mod http;
mod load;
mod process;
