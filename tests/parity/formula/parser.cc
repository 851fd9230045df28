#include "formula.hh"

namespace formula {

namespace {

// Deletes what was parsed so far when an exception passes.
class Owned {
public:
	explicit Owned(Node *node) : node(node) {}
	Owned(const Owned &) = delete;
	~Owned() { delete node; }
	Node *get() const { return node; }
	Node *release()
	{
		Node *released = node;
		node = nullptr;
		return released;
	}
	template <char Sign>
	void join(size_t at, Node *right)
	{
		Owned second(right);
		Node *joined = new Operation<Sign>(at, node, right);
		second.release();
		node = joined;
	}

private:
	Node *node;
};

struct Deeper {
	Deeper() { depth++; }
	~Deeper() { depth--; }
};

class Parser {
public:
	explicit Parser(const char *text) : text(text) {}

	Node *sum()
	{
		Owned left(product());

		for (;;) {
			size_t place = at;
			switch (text[at]) {
			case '+':
				at++;
				left.join<'+'>(place, product());
				break;
			case '-':
				at++;
				left.join<'-'>(place, product());
				break;
			default:
				return left.release();
			}
		}
	}

	bool is_done() const { return !text[at]; }
	size_t place() const { return at; }

private:
	Node *product()
	{
		Owned left(atom());

		while (text[at] == '*' || text[at] == '/') {
			size_t place = at++;
			if (text[place] == '*')
				left.join<'*'>(place, atom());
			else
				left.join<'/'>(place, atom());
		}
		return left.release();
	}

	Node *atom()
	{
		Deeper deeper;
		char first = text[at];

		if (depth > 100)
			throw SyntaxError(at);
		if (first >= 'a' && first <= 'z')
			return new Variable(at++, first);
		if (Function function = function_of(first)) {
			size_t place = at++;
			Owned inner(atom());
			Node *applied = new Applied(place, function, inner.get());
			inner.release();
			return applied;
		}
		if (first == '(') {
			at++;
			Owned inner(sum());
			if (text[at] != ')')
				throw SyntaxError(at);
			at++;
			return inner.release();
		}
		return number();
	}

	Node *number()
	{
		size_t start = at;
		double number = 0, digit = 1;

		for (; text[at] >= '0' && text[at] <= '9'; at++)
			number = number * 10 + (text[at] - '0');
		if (text[at] == '.')
			for (at++; text[at] >= '0' && text[at] <= '9'; at++)
				number += (text[at] - '0') * (digit /= 10);
		if (at == start)
			throw SyntaxError(at);
		return new Number(start, number);
	}

	const char *text;
	size_t at = 0;
};

} // namespace

Node *parse(const char *text)
{
	Parser parser(text);
	Owned whole(parser.sum());

	if (!parser.is_done())
		throw SyntaxError(parser.place());
	return folded(whole.release());
}

} // namespace formula
