#include "filter.h"

/* Keeps a block's power below `ceiling` and says by how much it was scaled. */
double limiter_run(double *block, size_t count, double ceiling)
{
	double power = filter_power(block, count);
	double scale = power > ceiling ? ceiling / power : 1.0;

	for (size_t i = 0; i < count; i++)
		block[i] *= scale;
	return scale * (double)window_hann(count / 2, count);
}
