# One folder, one target: fvhooks_component(NAME SOURCES… LINK…) makes the static library fvhooks_NAME, alias fvhooks::NAME, which is
# installed under that name with the package component PACKAGE (core if not said);
# fvhooks_test(NAME SOURCES… LINK…) a test executable whose cases ctest runs one by one.
include(GNUInstallDirs)

add_library(fvhooks_options INTERFACE)
target_compile_options(fvhooks_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -ffp-contract=off)

# Sanitizers go to what is free of torch: the wheel's libraries are not built with them.
add_library(fvhooks_sanitize INTERFACE)
if(FVHOOKS_SANITIZE)
  target_compile_options(fvhooks_sanitize INTERFACE -fsanitize=${FVHOOKS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(fvhooks_sanitize INTERFACE -fsanitize=${FVHOOKS_SANITIZE})
endif()

function(fvhooks_component name)
  cmake_parse_arguments(ARG "" "PACKAGE" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(NOT ARG_PACKAGE)
    set(ARG_PACKAGE core)
  endif()
  add_library(fvhooks_${name} STATIC ${ARG_SOURCES})
  add_library(fvhooks::${name} ALIAS fvhooks_${name})
  target_include_directories(fvhooks_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(fvhooks_${name} PUBLIC cxx_std_20)  # the headers are C++20
  target_link_libraries(fvhooks_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:fvhooks_options>)
  target_link_libraries(fvhooks_${name} PUBLIC $<BUILD_INTERFACE:fvhooks_sanitize>)
  # Hidden: a shared library that links ours in does not pass our symbols on.
  set_target_properties(fvhooks_${name} PROPERTIES EXPORT_NAME ${name} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  install(TARGETS fvhooks_${name} EXPORT fvhooks-${ARG_PACKAGE} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
  set_property(GLOBAL APPEND PROPERTY FVHOOKS_${ARG_PACKAGE}_LIBRARIES fvhooks_${name})
endfunction()

function(fvhooks_test name)
  if(NOT FVHOOKS_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${name} PRIVATE FVHOOKS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} fvhooks_options fvhooks_sanitize GTest::gtest_main GTest::gmock)
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
endfunction()
