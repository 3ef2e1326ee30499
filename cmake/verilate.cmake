# farrier_verilate(NAME TOP module SOURCES ... [ARGS ...] [TRACE]): a library of a Verilated module, included as
# "V<module>.h". The model is one translation unit, compiled for speed whatever the build type. TRACE: it can
# write waveforms (FST); built on demand only, and compiled in less time.
find_program(FARRIER_VERILATOR verilator REQUIRED)
execute_process(COMMAND ${FARRIER_VERILATOR} --getenv VERILATOR_ROOT
                OUTPUT_VARIABLE FARRIER_VERILATOR_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE)

add_library(farrier_verilated STATIC ${FARRIER_VERILATOR_ROOT}/include/verilated.cpp
            ${FARRIER_VERILATOR_ROOT}/include/verilated_threads.cpp)
target_include_directories(farrier_verilated SYSTEM PUBLIC ${FARRIER_VERILATOR_ROOT}/include
                           ${FARRIER_VERILATOR_ROOT}/include/vltstd)
target_compile_options(farrier_verilated PRIVATE -w)
target_link_libraries(farrier_verilated PUBLIC Threads::Threads)

# Waveforms, written and read.
add_library(farrier_verilated_fst STATIC ${FARRIER_VERILATOR_ROOT}/include/verilated_fst_c.cpp)
target_compile_options(farrier_verilated_fst PRIVATE -w)
target_link_libraries(farrier_verilated_fst PUBLIC farrier_verilated ZLIB::ZLIB)

option(FARRIER_COVERAGE "Count the lines and cover points that each Verilated model passes" OFF)
set(FARRIER_COVERAGE_ARGS "")
if(FARRIER_COVERAGE)
  target_sources(farrier_verilated PRIVATE ${FARRIER_VERILATOR_ROOT}/include/verilated_cov.cpp)
  target_compile_definitions(farrier_verilated PUBLIC VM_COVERAGE=1)
  set(FARRIER_COVERAGE_ARGS --coverage-line --coverage-user)
endif()

function(farrier_verilate name)
  cmake_parse_arguments(arg "TRACE" "TOP" "SOURCES;ARGS" ${ARGN})
  if(arg_TRACE)
    list(APPEND arg_ARGS --trace-fst --trace-structs)
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(model ${directory}/V${arg_TOP})
  add_custom_command(
    OUTPUT ${model}__all.cpp
    COMMAND ${CMAKE_COMMAND} -E make_directory ${directory}
    COMMAND ${FARRIER_VERILATOR} --cc -sv -O3 --x-assign fast --x-initial fast --no-timing -Wall
            --top-module ${arg_TOP} --prefix V${arg_TOP} --Mdir ${directory} ${arg_ARGS}
            ${FARRIER_COVERAGE_ARGS} ${arg_SOURCES}
    COMMAND ${FARRIER_PYTHON} ${PROJECT_SOURCE_DIR}/tools/include_all.py ${model}__all.cpp
            ${directory} V${arg_TOP}
    DEPENDS ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tools/include_all.py
    COMMENT "Verilating ${arg_TOP}")
  add_library(${name} STATIC ${model}__all.cpp)
  target_include_directories(${name} SYSTEM PUBLIC ${directory})
  target_link_libraries(${name} PUBLIC farrier_verilated)
  target_compile_options(${name} PRIVATE -w -O2 -g0)
  if(arg_TRACE)
    target_compile_options(${name} PRIVATE -O1)
    target_link_libraries(${name} PUBLIC farrier_verilated_fst)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  if(FARRIER_COVERAGE)
    target_compile_options(${name} PRIVATE -include ${PROJECT_SOURCE_DIR}/hw/rtl/coverage_insert.h)
  endif()
  if(FARRIER_SANITIZE)
    # Generated code, not ours to mend; checking it makes the build much longer.
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
endfunction()
