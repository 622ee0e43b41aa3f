#pragma once
// What nearly every test of this folder includes, parsed once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn.h>
