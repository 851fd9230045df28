// Formulas as trees of objects: what C++ has and C has not, in four modules that take few milliseconds to parse
// because they need no header. Virtual calls, multiple and virtual inheritance, templates, exceptions with objects to
// destroy on their way, objects of each thread, objects that are made before main, and inline ones that every module has.
#ifndef FORMULA_HH
#define FORMULA_HH

namespace formula {

using size_t = decltype(sizeof(0));

// A vector of what can be copied and destroyed, without the library's.
template <class T>
class List {
public:
	List() = default;
	List(const List &) = delete;
	List(List &&other) noexcept : items(other.items), count(other.count), room(other.room)
	{
		other.items = nullptr;
		other.count = other.room = 0;
	}
	List &operator=(List &&other) noexcept
	{
		T *mine = items;
		items = other.items;
		other.items = mine;
		count = other.count;
		room = other.room;
		return *this;
	}
	~List() { delete[] items; }

	void add(T item)
	{
		if (count == room) {
			size_t more = room ? room * 2 : 4;
			T *moved = new T[more];
			for (size_t i = 0; i < count; i++)
				moved[i] = static_cast<T &&>(items[i]);
			delete[] items;
			items = moved;
			room = more;
		}
		items[count++] = static_cast<T &&>(item);
	}
	T take() { return static_cast<T &&>(items[--count]); }
	size_t size() const { return count; }
	T &operator[](size_t at) { return items[at]; }
	T *begin() { return items; }
	T *end() { return items + count; }

private:
	T *items = nullptr;
	size_t count = 0, room = 0;
};

// What went wrong, and where in the text.
struct Error {
	explicit Error(size_t at) : at(at) {}
	virtual ~Error();
	virtual const char *what() const noexcept = 0;
	size_t at;
};

struct SyntaxError final : Error {
	using Error::Error;
	const char *what() const noexcept override;
};

struct DivisionByZero final : Error {
	using Error::Error;
	const char *what() const noexcept override;
};

// Values of variables. Each thread has its own, so that no lock is needed.
class Scope {
public:
	Scope();
	~Scope();
	double &operator[](char name);
	double mean() const;
	unsigned reads = 0;

private:
	double values[26];
};

extern thread_local Scope scope;

// Counted by every node that is made, in whatever module.
inline size_t nodes_made = 0;
inline thread_local unsigned depth = 0;

// All nodes know their place, though a node may inherit from it twice.
struct Placed {
	explicit Placed(size_t at) : at(at) { nodes_made++; }
	virtual ~Placed() = default;
	size_t at;
};

struct Node : virtual Placed {
	Node() : Placed(0) {}
	~Node() override;
	virtual double value() const = 0;
	virtual bool is_constant() const { return false; }
};

struct Printed : virtual Placed {
	Printed() : Placed(0) {}
	virtual char sign() const = 0;
};

struct Number final : Node {
	Number(size_t at, double number) : Placed(at), number(number) {}
	double value() const override { return number; }
	bool is_constant() const override { return true; }
	double number;
};

struct Variable final : Node, Printed {
	Variable(size_t at, char name) : Placed(at), name(name) {}
	double value() const override;
	char sign() const override { return name; }
	char name;
};

struct Pair : Node, Printed {
	Pair(size_t at, Node *left, Node *right) : Placed(at), left(left), right(right) {}
	~Pair() override;
	bool is_constant() const override { return left->is_constant() && right->is_constant(); }
	Node *left, *right;
};

template <char Sign>
struct Operation final : Pair {
	Operation(size_t at, Node *left, Node *right) : Placed(at), Pair(at, left, right) {}
	double value() const override
	{
		double first = left->value(), second = right->value();

		if constexpr (Sign == '+')
			return first + second;
		if constexpr (Sign == '-')
			return first - second;
		if constexpr (Sign == '*')
			return first * second;
		if (second == 0)
			throw DivisionByZero(at);
		return first / second;
	}
	// What may throw is left to the evaluation.
	bool is_constant() const override { return Sign != '/' && Pair::is_constant(); }
	char sign() const override { return Sign; }
};

using Function = double (*)(double);

// The function that a sign before a formula stands for, if it is one.
Function function_of(char sign);

struct Applied final : Node {
	Applied(size_t at, Function function, Node *inner) : Placed(at), function(function), inner(inner) {}
	~Applied() override;
	double value() const override { return function(inner->value()); }
	Function function;
	Node *inner;
};

Node *parse(const char *text);
Node *folded(Node *node);
double evaluate(const char *text, const char **why);
size_t count_variables(Node *node);
size_t longest_formula();

// The smallest of a list by a function's word: instantiated by several modules.
template <class T, class Measure>
T *least(List<T> &list, Measure measure)
{
	T *best = nullptr;

	for (T &item : list)
		if (!best || measure(item) < measure(*best))
			best = &item;
	return best;
}

} // namespace formula

#endif
