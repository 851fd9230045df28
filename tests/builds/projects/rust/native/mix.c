/* Small enough for every inliner; the link decides whether it is seen. */
unsigned mix_in_c(unsigned a, unsigned b) { return (a ^ b * 2654435761u) + (a >> 7); }
