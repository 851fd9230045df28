#include "shapes.h"

int total_area(const int *sides, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++)
    sum += square(sides[i]);
  return sum;
}
