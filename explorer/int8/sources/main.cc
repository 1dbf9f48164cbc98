// Runs the network on one test picture and prints the class. Written by explorer.firmware for a project that has
// TFLite Micro; it says in README.md where these files go.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "model.h"
#include "operators.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "test_picture.h"

namespace {
alignas(16) uint8_t arena[kArenaSize];
}

int main() {
  static Resolver resolver;
  if (AddOperators(resolver) != kTfLiteOk) return 1;
  static tflite::MicroInterpreter interpreter(tflite::GetModel(model_tflite), resolver, arena, kArenaSize);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    std::printf("the arena of %d bytes is too small\n", kArenaSize);
    return 1;
  }
  std::memcpy(interpreter.input(0)->data.int8, test_picture, sizeof(test_picture));
  if (interpreter.Invoke() != kTfLiteOk) return 1;
  const int8_t* answers = interpreter.output(0)->data.int8;
  int best = 0;
  for (int i = 1; i < kClasses; ++i) {
    if (answers[i] > answers[best]) best = i;
  }
  std::printf("class %d: %s (expected %d)\n", best, class_names[best], kExpectedClass);
  return best == kExpectedClass ? 0 : 1;
}
