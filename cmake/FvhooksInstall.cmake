# `cmake --install`: the headers, the libraries, the package that find_package(fvhooks COMPONENTS core torch) finds, and
# fvhooks-core for pkg-config. Everything is in the install component "development".
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fvhooks)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fvhooks DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN "*.h" PATTERN "torch" EXCLUDE)
install(EXPORT fvhooks-core NAMESPACE fvhooks:: FILE fvhooksCore.cmake DESTINATION ${package_dir} COMPONENT development)
if(FVHOOKS_TORCH)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fvhooks/torch DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fvhooks COMPONENT development)
  install(EXPORT fvhooks-torch NAMESPACE fvhooks:: FILE fvhooksTorch.cmake DESTINATION ${package_dir} COMPONENT development)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FvhooksTorch.cmake DESTINATION ${package_dir} COMPONENT development)
endif()

if(liburing_FOUND)
  set(FVHOOKS_NEEDS_LIBURING liburing)
endif()
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/fvhooksConfig.cmake.in ${PROJECT_BINARY_DIR}/fvhooksConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fvhooksConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fvhooksConfig.cmake ${PROJECT_BINARY_DIR}/fvhooksConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT development)

# The libraries are static: whoever links them needs what they need. A linker reads them left to right, users before used.
get_property(libraries GLOBAL PROPERTY FVHOOKS_core_LIBRARIES)
list(REVERSE libraries)
list(TRANSFORM libraries PREPEND "-l" OUTPUT_VARIABLE pc_libraries)
list(JOIN pc_libraries " " pc_libraries)
set(pc_requires libhwy libpcre2-8 libzstd simdjson fmt ${FVHOOKS_NEEDS_LIBURING})
list(JOIN pc_requires " " pc_requires)
file(RELATIVE_PATH FVHOOKS_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/fvhooks-core.pc.in ${PROJECT_BINARY_DIR}/fvhooks-core.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fvhooks-core.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
