int square(int side);
int total_area(const int *sides, int count);
