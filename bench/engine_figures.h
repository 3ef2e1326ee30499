#pragma once

#include <vector>

#include "bench/report.h"

// What farrier-bench-engines measures: a function and a file per topic, listed in engines_main.cc.
// Each measures `runs` times, on the calling thread unless it says otherwise, and returns medians.
namespace farrier::bench {

// poll_*: a poll that finds nothing, CPU time, as a group's thread does it, but for reading the
// clock.
std::vector<Figure> PollFigures(int runs);

// mailbox_*: a round trip from the first core to an engine that spins on the last one.
std::vector<Figure> MailboxFigures(int runs);

// migration_*: from the decision until the engine is polled by its new thread, from core to core.
std::vector<Figure> MigrationFigures(int runs);

// compacting_*: CPU time against dedicating, and what a step of the load does. The load comes from
// the last core. All cores.
std::vector<Figure> CompactingFigures(int runs);

// load_*: the three modes' delay and CPU time against load, from the last core. All cores; those of
// modes that sleep are kept awake, so that it is not a virtual machine's host that is measured.
std::vector<Figure> LoadFigures(int runs);

// timer_*: what a timer costs, CPU time, with many others outstanding.
std::vector<Figure> TimerWheelFigures(int runs);

// wakeup_*: how long after its doorbell was rung an engine of a spreading group is polled, while
// two threads of nice 0 compute on each core: under the best thread class to be had and, in the
// same run, under the default one. Takes `runs` times some 10 s and all cores.
std::vector<Figure> WakeupFigures(int runs);

// element_*: what elements of a packet pipeline add to the cost of a packet, in batches of 16: one
// more counter, classifier or access list of eight rules; reading the headers, which the first that
// needs them does; and the mean over counter, classifier, access list, counter, all included.
std::vector<Figure> ElementFigures(int runs);

}  // namespace farrier::bench
