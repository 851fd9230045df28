#include "filter.h"

float cosf(float);

float window_hann(size_t at, size_t count)
{
	const float turn = 6.2831853f;

	return count < 2 ? 1.0f : 0.5f - 0.5f * cosf(turn * (float)at / (float)(count - 1));
}

double window_gain(const float *window, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)window[i];
	return count ? sum / (double)count : 1.0;
}
