#pragma once

#include <string>

#include "host/control.pb.h"

namespace farrier::host {

// The control plane's messages as farrierctl shows them to people; each ends with a newline.
std::string RenderStatus(const StatusReply& status);
std::string RenderEngines(const StatusReply& status);
std::string RenderElements(const StatusReply& status);
std::string RenderGroups(const StatusReply& status);
std::string RenderGroup(const GroupStatus& group);
std::string RenderPhase(const UpgradePhase& phase);
std::string RenderMoved(const EngineMoved& moved);
std::string RenderResult(const UpgradeResult& result);

// The same for programs: JSON with every field, also those that are zero. 64-bit numbers are
// strings, as Protocol Buffers' JSON form has it.
std::string RenderJson(const google::protobuf::Message& message);

}  // namespace farrier::host
