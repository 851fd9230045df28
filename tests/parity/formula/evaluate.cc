#include "formula.hh"

namespace formula {

// The value, or nothing and the reason.
double evaluate(const char *text, const char **why)
{
	Node *node = nullptr;

	*why = nullptr;
	try {
		node = parse(text);
		double value = node->value();
		delete node;
		return value;
	} catch (const DivisionByZero &error) {
		delete node;
		*why = error.what();
	} catch (const Error &error) {
		*why = error.what();
	} catch (...) {
		scope.reads = 0;
		throw;
	}
	return 0;
}

// Walks the tree without calling itself.
size_t count_variables(Node *node)
{
	List<Node *> left;
	List<char> seen;

	left.add(node);
	while (left.size()) {
		Node *next = left.take();
		if (auto *pair = dynamic_cast<Pair *>(next)) {
			left.add(pair->left);
			left.add(pair->right);
		} else if (auto *printed = dynamic_cast<Printed *>(next)) {
			seen.add(printed->sign());
		}
	}
	const char *first = least(seen, [](char name) { return name - 'a'; });
	return first ? seen.size() : nodes_made;
}

} // namespace formula
