#include "shapes.h"
#include <stdio.h>

int main(void) {
  int sides[] = {1, 2, 3, 4};
  printf("total area: %d\n", total_area(sides, 4));
  return 0;
}
