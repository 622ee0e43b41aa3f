# Imported targets for the libtorch in the torch wheel of ${Python_EXECUTABLE}. Not find_package(Torch): the config of the CUDA wheel
# wants a CUDA toolkit, which nothing here needs.
#   fvhooks_libtorch         C++ API
#   fvhooks_libtorch_python  its Python side, for the binding
set(Python_FIND_VIRTUALENV FIRST)
find_package(Python 3.9 REQUIRED COMPONENTS Interpreter OPTIONAL_COMPONENTS Development.Module)

execute_process(  # not `import torch`: that takes seconds
  COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
  OUTPUT_VARIABLE FVHOOKS_TORCH_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT FVHOOKS_TORCH_DIR AND SKBUILD)
  message(FATAL_ERROR "pip builds in an environment of its own, which has no torch; fvhooks is built for the torch that you have installed: pip install --no-build-isolation .")
elseif(NOT FVHOOKS_TORCH_DIR)
  message(FATAL_ERROR "${Python_EXECUTABLE} has no torch. Install torch, or point Python_EXECUTABLE at an environment that has it (`make build` makes one in .venv).")
endif()
file(STRINGS ${FVHOOKS_TORCH_DIR}/version.py FVHOOKS_TORCH_VERSION_LINE REGEX "^__version__")
string(REGEX REPLACE ".*'(.*)'.*" "\\1" FVHOOKS_TORCH_VERSION "${FVHOOKS_TORCH_VERSION_LINE}")
message(STATUS "torch ${FVHOOKS_TORCH_VERSION} in ${FVHOOKS_TORCH_DIR}")

# Torch's headers are not ours to warn about, hence SYSTEM. NDEBUG, as libtorch was built: without it some layouts differ.
add_library(fvhooks_libtorch INTERFACE)
target_include_directories(fvhooks_libtorch SYSTEM INTERFACE
  ${FVHOOKS_TORCH_DIR}/include ${FVHOOKS_TORCH_DIR}/include/torch/csrc/api/include)
target_compile_definitions(fvhooks_libtorch INTERFACE NDEBUG)
target_link_libraries(fvhooks_libtorch INTERFACE
  ${FVHOOKS_TORCH_DIR}/lib/libtorch.so ${FVHOOKS_TORCH_DIR}/lib/libtorch_cpu.so ${FVHOOKS_TORCH_DIR}/lib/libc10.so)
foreach(library libc10_cuda.so libtorch_cuda.so)
  if(EXISTS ${FVHOOKS_TORCH_DIR}/lib/${library})
    # --as-needed would drop libtorch_cuda, whose static initialisers register the CUDA kernels.
    target_link_libraries(fvhooks_libtorch INTERFACE -Wl,--no-as-needed ${FVHOOKS_TORCH_DIR}/lib/${library} -Wl,--as-needed)
  endif()
endforeach()
target_link_options(fvhooks_libtorch INTERFACE -Wl,-rpath,${FVHOOKS_TORCH_DIR}/lib)

add_library(fvhooks_libtorch_python INTERFACE)
target_link_libraries(fvhooks_libtorch_python INTERFACE fvhooks_libtorch ${FVHOOKS_TORCH_DIR}/lib/libtorch_python.so)
if(TARGET Python::Module)
  target_link_libraries(fvhooks_libtorch_python INTERFACE Python::Module)
endif()
