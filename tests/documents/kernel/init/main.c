int is_digit(int letter);
int count_digits(const char *text) {
  int count = 0;
  for (; *text; text++)
    count += is_digit(*text);
  return count;
}
