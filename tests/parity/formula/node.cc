#include "formula.hh"

namespace formula {

Error::~Error() = default;

const char *SyntaxError::what() const noexcept { return "the text is no formula"; }
const char *DivisionByZero::what() const noexcept { return "a number is divided by zero"; }

Node::~Node() = default;

Pair::~Pair()
{
	delete left;
	delete right;
}

Applied::~Applied() { delete inner; }

static double negated(double value) { return -value; }
static double magnitude(double value) { return value < 0 ? -value : value; }
static double from_mean(double value) { return value - scope.mean(); }

Function function_of(char sign)
{
	static const struct {
		char sign;
		Function function;
	} functions[] = {{'-', negated}, {'|', magnitude}, {'~', from_mean}};

	for (auto &known : functions)
		if (known.sign == sign)
			return known.function;
	return nullptr;
}

double Variable::value() const { return scope[name]; }

// Parts that hold no variable become numbers.
Node *folded(Node *node)
{
	if (auto *pair = dynamic_cast<Pair *>(node)) {
		pair->left = folded(pair->left);
		pair->right = folded(pair->right);
	}
	if (!node->is_constant())
		return node;
	Node *number = new Number(node->at, node->value());
	delete node;
	return number;
}

} // namespace formula
