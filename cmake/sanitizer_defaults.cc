// How the sanitizers behave in our programs and tests, however those are started. Linked into each
// of them under PRESET=asan or tsan; UBSAN_OPTIONS and the like still override it.

// The names are the runtimes', which call these while they start.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

// By itself UBSan prints and goes on, and a test that printed still passes.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }

// Debian's gRPC and Abseil are not built with TSan, which therefore does not see that their mutexes
// order what one thread does before what another does: whatever passes through them looks like a
// race. This also hides races of ours below a gRPC handler or inside a call into these libraries.
const char* __tsan_default_suppressions() {
  return "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libgpr.so\n"
         "race:libupb.so\n"
         "race:libabsl_\n"
         "race:^grpc::\n"   // its templates, compiled into our binaries
         "race:grpcpp/\n";  // likewise
}
}
// NOLINTEND(bugprone-reserved-identifier)
