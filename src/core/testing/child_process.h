#pragma once
#include <sys/wait.h>
#include <unistd.h>

namespace fvhooks::testing {

// Runs `body` in a forked child that ends without destructors; its exit status, or 128 and the signal that ended it.
template <class Body>
int in_child(Body body) {
  const auto child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace fvhooks::testing
