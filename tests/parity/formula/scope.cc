#include "formula.hh"

namespace formula {

// Made by a thread when it first asks for it, and destroyed with the thread.
thread_local Scope scope;

namespace {

// Made before main, in the order in which they stand here.
struct Histogram {
	Histogram() : lengths(), longest(&lengths[0]) {}
	~Histogram() { longest = nullptr; }
	unsigned lengths[64];
	const unsigned *longest;
};

Histogram histogram;
const double golden = 2 * Number(0, 0.809016994).value();

} // namespace

Scope::Scope()
{
	double value = 1;

	for (double &variable : values) {
		variable = value;
		value *= golden;
	}
}

Scope::~Scope()
{
	histogram.lengths[reads < 63 ? reads : 63]++;
	for (const unsigned &length : histogram.lengths)
		if (length > *histogram.longest)
			histogram.longest = &length;
}

double &Scope::operator[](char name)
{
	reads++;
	return values[(name - 'a') % 26];
}

double Scope::mean() const
{
	double sum = 0;

	for (double value : values)
		sum += value;
	return sum / 26;
}

size_t longest_formula()
{
	static const List<unsigned> lengths = [] {
		List<unsigned> made;
		for (unsigned length : histogram.lengths)
			made.add(length);
		return made;
	}();
	return lengths.size() + static_cast<size_t>(histogram.longest - histogram.lengths);
}

} // namespace formula
