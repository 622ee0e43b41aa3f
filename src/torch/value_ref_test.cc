#include "fvhooks/torch/value_ref.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <unordered_map>

namespace models {

struct Output {
  at::Tensor sample;
  std::optional<at::Tensor> mask;
  std::vector<at::Tensor> states;
  int steps = 0;
};
FVHOOKS_FIELDS(Output, sample, mask, states, steps)

}  // namespace models

namespace fvhooks {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

at::Tensor tensor() { return at::zeros({1}); }
at::Tensor seven() { return at::full({1}, 7.0); }
float value_of(const at::Tensor& tensor) { return tensor.item<float>(); }

template <class T>
std::vector<std::string> labels(T& value) {
  std::vector<std::string> result;
  ValueRef(value).walk("out", [&](at::Tensor&, const Label& label) { result.push_back(to_string(label)); });
  return result;
}

template <class T>
void replace_all(T& value) {
  ValueRef(value).walk("out", [](at::Tensor& leaf, const Label&) { leaf = seven(); });
}

TEST(ValueRef, LabelsSequencesByPlace) {
  auto one = tensor();
  EXPECT_THAT(labels(one), ElementsAre("out"));
  auto tuple = std::make_tuple(tensor(), 1, std::make_pair(tensor(), std::vector{tensor(), tensor()}));
  EXPECT_THAT(labels(tuple), ElementsAre("out[0]", "out[2][0]", "out[2][1][0]", "out[2][1][1]"));
  std::array<at::Tensor, 2> array{tensor(), tensor()};
  EXPECT_THAT(labels(array), ElementsAre("out[0]", "out[1]"));
}

TEST(ValueRef, LabelsMapsByKey) {
  std::map<std::string, at::Tensor> named{{"a", tensor()}, {"b.c", tensor()}};
  EXPECT_THAT(labels(named), ElementsAre("out.a", "out[\"b.c\"]"));
  std::unordered_map<int, at::Tensor> numbered{{3, tensor()}, {-1, tensor()}};
  EXPECT_THAT(labels(numbered), UnorderedElementsAre("out.3", "out.-1"));
}

TEST(ValueRef, WalksTheFieldsOfAStructure) {
  models::Output output{tensor(), tensor(), {tensor()}};
  EXPECT_THAT(labels(output), ElementsAre("out.sample", "out.mask", "out.states[0]"));
  output.mask.reset();
  output.sample = at::Tensor();
  EXPECT_THAT(labels(output), ElementsAre("out.states[0]"));
  replace_all(output);
  EXPECT_EQ(value_of(output.states[0]), 7);
}

TEST(ValueRef, WalksVariantsAndNothingElse) {
  std::variant<int, at::Tensor> variant = tensor();
  EXPECT_THAT(labels(variant), ElementsAre("out"));
  variant = 1;
  EXPECT_THAT(labels(variant), IsEmpty());
  std::string text = "abc";
  EXPECT_THAT(labels(text), IsEmpty());
  std::vector<bool> bits{true};
  EXPECT_THAT(labels(bits), IsEmpty());
  std::unique_ptr<int> pointer;
  EXPECT_THAT(labels(pointer), IsEmpty());
  EXPECT_EQ(ValueRef().type(), typeid(void));
}

TEST(ValueRef, WalksIValuesAndContainersOfTorch) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  dict.insert("x", tensor());
  dict.insert("n", 3);
  c10::IValue value(std::make_tuple(tensor(), std::vector<at::Tensor>{tensor()}, c10::IValue(dict)));
  EXPECT_THAT(labels(value), ElementsAre("out[0]", "out[1][0]", "out[2].x"));
  c10::List<at::Tensor> list({tensor(), tensor()});
  EXPECT_THAT(labels(list), ElementsAre("out[0]", "out[1]"));
  c10::Dict<std::string, at::Tensor> named;
  named.insert("k", tensor());
  EXPECT_THAT(labels(named), ElementsAre("out.k"));
}

TEST(ValueRef, ReplacingALeafOfAnIValueLeavesOtherHoldersAlone) {
  std::vector<at::Tensor> leaves{tensor(), tensor()};
  c10::IValue value(std::make_tuple(c10::IValue(leaves), 1));
  const c10::IValue other = value;
  replace_all(value);
  EXPECT_EQ(value_of(value.toTupleRef().elements()[0].toTensorVector()[1]), 7);
  EXPECT_EQ(value_of(other.toTupleRef().elements()[0].toTensorVector()[1]), 0);
  c10::List<at::Tensor> list({tensor()});
  const auto shared = list;
  replace_all(list);
  EXPECT_EQ(value_of(list.get(0)), 7);
  EXPECT_EQ(value_of(shared.get(0)), 0);
}

TEST(ValueRef, AListInsideItselfIsNotEnteredAgain) {
  c10::impl::GenericList list(c10::AnyType::get());
  list.push_back(tensor());
  list.push_back(list);
  c10::IValue value(list);
  EXPECT_THAT(labels(value), ElementsAre("out[0]"));
  list.clear();  // else it would hold itself for ever
}

TEST(ValueRef, AListMetTwiceIsWalkedTwice) {
  c10::List<at::Tensor> list({tensor()});
  c10::IValue value(std::make_tuple(list, list));
  EXPECT_THAT(labels(value), ElementsAre("out[0][0]", "out[1][0]"));
}

TEST(ValueRef, GivesTheWholeValueByItsExactType) {
  models::Output output;
  const ValueRef ref(output);
  EXPECT_EQ(ref.get<models::Output>(), &output);
  EXPECT_EQ(ref.get<const models::Output>(), &output);
  EXPECT_EQ(ref.get<int>(), nullptr);
}

TEST(ValueRef, AConstantValueIsOnlyRead) {
  const std::vector<at::Tensor> constant{tensor()};
  const ValueRef ref(constant);
  EXPECT_EQ(ref.get<std::vector<at::Tensor>>(), nullptr);
  EXPECT_EQ(ref.get<const std::vector<at::Tensor>>(), &constant);
  EXPECT_THAT(labels(constant), ElementsAre("out[0]"));
  replace_all(constant);
  EXPECT_EQ(value_of(constant[0]), 0);
  std::vector<at::Tensor> storage{tensor()};
  at::TensorList view(storage);
  EXPECT_THAT(labels(view), ElementsAre("out[0]"));
  replace_all(view);
  EXPECT_EQ(value_of(storage[0]), 0);
}

TEST(ValueRef, ElementsOfATupleAreValuesThemselves) {
  auto t = tensor();
  int n = 3;
  std::tuple<at::Tensor&, int&> tuple(t, n);
  const ValueRef ref(tuple);
  ASSERT_EQ(ref.size(), 2U);
  EXPECT_EQ(ref[0].get<at::Tensor>(), &t);
  *ref[1].get<int>() = 4;
  EXPECT_EQ(n, 4);
  EXPECT_EQ(ref[1].size(), 0U);
}

}  // namespace
}  // namespace fvhooks
