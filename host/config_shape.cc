#include "host/config_shape.h"

#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <cstdint>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace farrier::host {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr double kMaxExact = 1LL << 53;

std::string Join(absl::string_view path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

std::string Render(const Value& value) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(value, &json).ok()) return "(unprintable)";
  if (json.size() > 60) json = absl::StrCat(json.substr(0, 57), "...");
  return json;
}

class ShapeChecker {
 public:
  explicit ShapeChecker(std::vector<std::string>& errors) : errors_(errors) {}

  void CheckObject(const Struct& object, const Descriptor& type, const std::string& path) {
    const std::set<std::string> names = [&] {
      std::set<std::string> sorted;
      for (const auto& [name, value] : object.fields()) sorted.insert(name);
      return sorted;
    }();
    std::set<const FieldDescriptor*> seen;
    for (const std::string& name : names) {
      const FieldDescriptor* field = FindField(type, name);
      if (field == nullptr) {
        errors_.push_back(
            absl::StrCat(Join(path, name), ": unknown field; here may stand: ", KnownFields(type)));
      } else if (!seen.insert(field).second) {
        errors_.push_back(
            absl::StrCat(Join(path, name), ": given twice; keep \"", field->json_name(), "\""));
      } else {
        CheckField(object.fields().at(name), *field, Join(path, field->json_name()));
      }
    }
  }

 private:
  static const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->json_name() == name || type.field(i)->name() == name) return type.field(i);
    }
    return nullptr;
  }

  static std::string KnownFields(const Descriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->json_name());
    return absl::StrJoin(names, ", ");
  }

  static std::string KnownValues(const EnumDescriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.value_count(); ++i) {
      if (type.value(i)->name() != "UNSPECIFIED") names.push_back(type.value(i)->name());
    }
    return absl::StrJoin(names, ", ");
  }

  void CheckField(const Value& value, const FieldDescriptor& field, const std::string& path) {
    if (!field.is_repeated()) return CheckValue(value, field, path);
    if (!value.has_list_value()) return Expect(path, value, "a list: [ ... ]");
    const ListValue& list = value.list_value();
    for (int i = 0; i < list.values_size(); ++i) {
      CheckValue(list.values(i), field, absl::StrCat(path, "[", i, "]"));
    }
  }

  void CheckValue(const Value& value, const FieldDescriptor& field, const std::string& path) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (!value.has_struct_value()) return Expect(path, value, "an object: { ... }");
        return CheckObject(value.struct_value(), *field.message_type(), path);
      case FieldDescriptor::CPPTYPE_STRING:
        if (value.kind_case() != Value::kStringValue) Expect(path, value, "a string in quotes");
        return;
      case FieldDescriptor::CPPTYPE_UINT32: {
        const double number = value.number_value();
        if (value.kind_case() != Value::kNumberValue || std::floor(number) != number ||
            number < 0 || number > UINT32_MAX) {
          Expect(path, value, "a whole number without quotes, 0 or more");
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        uint64_t number = 0;
        const bool text = value.kind_case() == Value::kStringValue &&
                          absl::SimpleAtoi(value.string_value(), &number);
        // What a double of JSON tells exactly.
        const bool exact = value.kind_case() == Value::kNumberValue &&
                           std::floor(value.number_value()) == value.number_value() &&
                           value.number_value() >= 0 && value.number_value() <= kMaxExact;
        if (!text && !exact) Expect(path, value, "a whole number, 0 or more");
        return;
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        if (value.kind_case() != Value::kStringValue ||
            field.enum_type()->FindValueByName(value.string_value()) == nullptr) {
          Expect(path, value, absl::StrCat("one of ", KnownValues(*field.enum_type())));
        }
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        if (value.kind_case() != Value::kBoolValue) Expect(path, value, "true or false");
        return;
      default:
        Expect(path, value, "of a type this build can read");
    }
  }

  void Expect(const std::string& path, const Value& value, absl::string_view what) {
    errors_.push_back(absl::StrCat(path, ": ", Render(value), " must be ", what));
  }

  std::vector<std::string>& errors_;
};

}  // namespace

void CheckShape(const Struct& document, const Descriptor& type, std::vector<std::string>& errors) {
  ShapeChecker(errors).CheckObject(document, type, "");
}

}  // namespace farrier::host
