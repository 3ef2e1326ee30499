#include "engines/elements/pipeline_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engines/elements/pipeline.h"

namespace farrier::elements {
namespace {

// Into how many packets one may be multiplied on its way.
constexpr uint64_t kMaxCopies = 16;

class GraphChecker {
 public:
  GraphChecker(const Pipeline& pipeline, ConfigErrors& errors)
      : pipeline_(pipeline), errors_(errors), next_(pipeline.elements_size()) {}

  void Check() {
    CheckNames();
    const bool joined = CheckOutputs();
    CheckPorts();
    // What follows only from an output that leads nowhere is not worth a line.
    if (HasCycle() || !joined) return;
    CheckReached();
    CheckCopies();
  }

 private:
  static std::string Path(int i) { return absl::StrCat("elements[", i, "]"); }
  static std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }
  const ElementConfig& At(int i) const { return pipeline_.elements(i); }
  int size() const { return pipeline_.elements_size(); }

  void CheckNames() {
    for (int i = 0; i < size(); ++i) {
      const std::string& name = At(i).name();
      const std::string path = Path(i) + ".name";
      if (name.empty()) {
        errors_.Missing(path, "\"counter1\"");
        continue;
      }
      const bool good = name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
                          return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                        });
      if (!good) {
        errors_.Add(path, Quoted(name), "must be 1 to 32 letters, digits, '.', '_' or '-'");
      }
      const auto [first, fresh] = index_.emplace(name, i);
      if (!fresh) {
        errors_.Add(path, Quoted(name),
                    absl::StrCat("is the name of ", Path(first->second), " too; each only once"));
      }
    }
  }

  // Whether each output leads to an element; notes which.
  bool CheckOutputs() {
    const size_t before = errors_.lines().size();
    for (int i = 0; i < size(); ++i) {
      for (const OutputConfig& output : OutputsOf(At(i))) {
        const std::string path = absl::StrCat(Path(i), ".", output.path);
        if (output.target.empty()) {
          errors_.Missing(path, "the name of an element; one that is a discard drops");
          continue;
        }
        const auto target = index_.find(output.target);
        if (target == index_.end()) {
          errors_.Add(path, Quoted(output.target), "is no element's name");
        } else if (At(target->second).has_from_port()) {
          errors_.Add(path, Quoted(output.target), "is a fromPort, to which nothing can lead");
        } else {
          next_[i].push_back(target->second);
        }
      }
    }
    return errors_.lines().size() == before;
  }

  void CheckPorts() {
    std::map<std::string, int> from;
    for (int i = 0; i < size(); ++i) {
      if (!At(i).has_from_port()) continue;
      const std::string& port = At(i).from_port().port();
      const auto [first, fresh] = from.emplace(port, i);
      if (!fresh) {
        errors_.Add(Path(i) + ".fromPort.port", Quoted(port),
                    absl::StrCat("is received from by ", Path(first->second), " already"));
      }
    }
    if (from.empty()) errors_.Missing("elements", "one with \"fromPort\"");
    for (int i = 0; i < size(); ++i) {
      if (!At(i).has_to_port()) continue;
      const std::string& port = At(i).to_port().port();
      if (!port.empty() && from.find(port) == from.end()) {
        errors_.Add(Path(i) + ".toPort.port", Quoted(port),
                    "is received from by no element; add a fromPort for it, if need be with a "
                    "discard behind");
      }
    }
  }

  // Names one cycle, if there is one.
  bool HasCycle() {
    std::vector<int> state(next_.size());  // 0 not seen, 1 on the way, 2 done
    std::vector<int> way;
    for (int i = 0; i < size(); ++i) {
      if (FindCycle(i, state, way)) return true;
    }
    return false;
  }

  bool FindCycle(int i, std::vector<int>& state, std::vector<int>& way) {
    if (state[i] == 2) return false;
    way.push_back(i);
    if (state[i] == 1) {
      std::string names;
      for (auto at = std::find(way.begin(), way.end(), i); at != way.end(); ++at) {
        absl::StrAppend(&names, names.empty() ? "" : " -> ", At(*at).name());
      }
      errors_.Add("elements", names, "is a cycle; packets must come to an end");
      return true;
    }
    state[i] = 1;
    for (int next : next_[i]) {
      if (FindCycle(next, state, way)) return true;
    }
    state[i] = 2;
    way.pop_back();
    return false;
  }

  void CheckReached() {
    std::set<int> reached;
    std::vector<int> todo;
    for (int i = 0; i < size(); ++i) {
      if (At(i).has_from_port()) todo.push_back(i);
    }
    while (!todo.empty()) {
      const int i = todo.back();
      todo.pop_back();
      if (!reached.insert(i).second) continue;
      todo.insert(todo.end(), next_[i].begin(), next_[i].end());
    }
    for (int i = 0; i < size(); ++i) {
      if (reached.count(i) > 0) continue;
      errors_.Add(Path(i), Quoted(At(i).name()),
                  "is led to from no fromPort; leave it out or name it as an output");
    }
  }

  void CheckCopies() {
    std::vector<uint64_t> most(next_.size());  // 0: not known yet
    for (int i = 0; i < size(); ++i) {
      const uint64_t copies = Copies(i, most);
      if (At(i).has_from_port() && copies > kMaxCopies) {
        errors_.Add(Path(i), Quoted(At(i).name()),
                    absl::StrCat("leads through so many taps that of one packet ", copies,
                                 " could be made; at most ", kMaxCopies));
      }
    }
  }

  // What one packet that comes to element `i` can become. Without cycles; no more than 2^63.
  uint64_t Copies(int i, std::vector<uint64_t>& most) {
    if (most[i] != 0) return most[i];
    uint64_t sum = 0;
    uint64_t largest = 1;
    for (int next : next_[i]) {
      const uint64_t copies = Copies(next, most);
      sum = std::min(sum + copies, uint64_t{1} << 62);
      largest = std::max(largest, copies);
    }
    return most[i] = At(i).has_tap() ? std::max(sum, largest) : largest;
  }

  const Pipeline& pipeline_;
  ConfigErrors& errors_;
  std::map<std::string, int> index_;
  std::vector<std::vector<int>> next_;
};

}  // namespace

void CheckGraph(const Pipeline& pipeline, ConfigErrors& errors) {
  GraphChecker(pipeline, errors).Check();
}

}  // namespace farrier::elements
