# The three kinds of target there are here. Everything includes from the top of the tree.

# farrier_library(NAME SOURCES ... [DEPS ...])
function(farrier_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
    target_link_libraries(${name} PUBLIC ${arg_DEPS})
    farrier_warnings(${name})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
  endif()
endfunction()

# farrier_binary(NAME SOURCES ... [DEPS ...])
function(farrier_binary name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  if(FARRIER_SANITIZE)
    target_link_libraries(${name} PRIVATE farrier_sanitizer_defaults)
  endif()
  farrier_warnings(${name})
endfunction()

# farrier_test(NAME SOURCES ... [DEPS ...] [PROPERTIES ctest properties ...]): a GoogleTest program,
# each of its tests a ctest test.
function(farrier_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PROPERTIES" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  farrier_binary(${name} SOURCES ${arg_SOURCES} DEPS ${arg_DEPS} GTest::gmock_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT 120 ${arg_PROPERTIES})
endfunction()

# farrier_proto(NAME PROTO [GRPC]): a library of one .proto, included as "<folder>/<file>.pb.h".
function(farrier_proto name proto)
  cmake_parse_arguments(arg "GRPC" "" "" ${ARGN})
  file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto})
  string(REGEX REPLACE "\\.proto$" "" stem ${PROJECT_BINARY_DIR}/generated/${relative})
  set(outputs ${stem}.pb.cc ${stem}.pb.h)
  set(flags --cpp_out=${PROJECT_BINARY_DIR}/generated)
  set(deps protobuf::libprotobuf)
  if(arg_GRPC)
    list(APPEND outputs ${stem}.grpc.pb.cc ${stem}.grpc.pb.h)
    list(APPEND flags --grpc_out=${PROJECT_BINARY_DIR}/generated
         --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    list(APPEND deps gRPC::grpc++)
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/generated
    COMMAND protobuf::protoc ${flags} -I${PROJECT_SOURCE_DIR} ${relative}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DEPENDS ${proto})
  add_library(${name} STATIC ${outputs})
  target_include_directories(${name} SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${name} PUBLIC ${deps})
endfunction()

function(farrier_warnings name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Werror -Wno-missing-field-initializers)
endfunction()
