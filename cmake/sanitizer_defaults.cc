// How the sanitizers behave in our programs and tests, however those are started. Linked into each of
// them under PRESET=asan or tsan; UBSAN_OPTIONS and the like still override it.

// The names are the runtimes', which call these while they start.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

// By itself UBSan prints and goes on, and a test that printed still passes.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }
}
// NOLINTEND(bugprone-reserved-identifier)
