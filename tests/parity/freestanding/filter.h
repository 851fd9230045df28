/* Loops over floating-point numbers, for the flags that change arithmetic and vectors. */
#ifndef FILTER_H
#define FILTER_H

typedef __SIZE_TYPE__ size_t;

float window_hann(size_t at, size_t count);
double window_gain(const float *window, size_t count);
void filter_window(float *restrict out, const float *restrict in, size_t count);
double filter_power(const double *restrict in, size_t count);
void filter_taps(double *restrict out, const double *restrict in, const double *restrict taps,
		   size_t count, size_t order);

#endif
