int is_digit(int letter) { return letter >= '0' && letter <= '9'; }
