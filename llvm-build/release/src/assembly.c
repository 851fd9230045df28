// Code as operating systems have it: small functions full of inline assembly, with sections of their own, flags as
// results, labels as targets and memory of each processor. _THIS is the number of the file, _NEXT that of another.

typedef unsigned long word;
struct node_THIS { struct node_THIS *next, *prev; word key; int count; char name[24]; };
struct operations_THIS { int (*open)(struct node_THIS *, int); long (*move)(struct node_THIS *, word, word); };
extern int counter_NEXT(int *value, int by);
extern long dispatch_NEXT(void *state, unsigned kind, word a, word b);

static inline int bit_THIS(word *map, long nr) {
    _Bool old;
    asm volatile("lock btsq %2, %1" : "=@ccc"(old), "+m"(*map) : "Ir"(nr) : "memory");
    return old;
}
static inline word flags_THIS(void) {
    word flags;
    asm volatile("# flags\n\tpushf ; pop %0" : "=rm"(flags) : : "memory");
    return flags;
}
static inline word own_THIS(word *where) {
    word value;
    asm volatile("movq %%gs:%1, %0" : "=r"(value) : "m"(*where));
    return value;
}
static inline _Bool unlikely_branch_THIS(void) {
    asm goto("1: .byte 0x0f,0x1f,0x44,0x00,0x00\n\t.pushsection jumps, \"aw\"\n\t.balign 8\n\t"
             ".long 1b - ., %l[yes] - .\n\t.popsection" : : : : yes);
    return 0;
yes:
    return 1;
}
static inline void processor_THIS(unsigned *a, unsigned *b, unsigned *c, unsigned *d) {
    asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(*a), "2"(*c) : "memory");
}
static inline void trap_THIS(int line) {
    asm volatile("1: ud2\n\t.pushsection traps, \"a\"\n\t2: .long 1b - 2b, %c0\n\t.popsection" : : "i"(_THIS), "r"(line));
}
static inline int fetch_THIS(int *to, const int *from) {
    int failed = 0, value = 0;
    asm volatile("1: movl %2, %1\n2:\n\t.pushsection fixes, \"a\"\n\t.balign 4\n\t.long 1b - ., 2b - .\n\t.popsection"
                 : "+r"(failed), "=r"(value) : "m"(*from));
    *to = value;
    return failed;
}

int counter_THIS(int *value, int by) {
    int old = by;
    asm volatile("lock xaddl %0, %1" : "+r"(old), "+m"(*value) : : "memory", "cc");
    if (__builtin_expect(old < 0, 0)) trap_THIS(by);
    return old + by;
}

static void insert_THIS(struct node_THIS *new, struct node_THIS *prev, struct node_THIS *next) {
    next->prev = new; new->next = next; new->prev = prev;
    *(struct node_THIS *volatile *)&prev->next = new;
}

static int compare_THIS(const char *a, const char *b, unsigned long size) {
    while (size--) { if (*a != *b) return *a - *b; if (!*a) break; a++; b++; }
    return 0;
}

struct node_THIS *find_THIS(struct node_THIS *head, word key, const char *name) {
    for (struct node_THIS *each = head->next; each != head; each = each->next) {
        if (each->key == key && !compare_THIS(each->name, name, sizeof each->name)) {
            counter_THIS(&each->count, 1);
            return each;
        }
        if (unlikely_branch_THIS()) trap_THIS(each->count);
    }
    return 0;
}

long dispatch_THIS(void *state, unsigned kind, word a, word b) {
    struct node_THIS *node = state;
    unsigned eax = kind, ebx, ecx = 0, edx;
    int value;
    char text[32];
    switch (kind) {
    case 0: return find_THIS(node, a, node->name) ? 0 : -2;
    case 1: insert_THIS((struct node_THIS *)a, node, node->next); return 0;
    case 2: processor_THIS(&eax, &ebx, &ecx, &edx); return eax ^ ebx ^ ecx ^ edx;
    case 3: return bit_THIS(&node->key, b & 63);
    case 4: return fetch_THIS(&value, (const int *)a) ? -14 : value;
    case 5: return flags_THIS() & 0x200 ? own_THIS(&node->key) : 0;
    case 6: for (unsigned i = 0; i < sizeof text; i++) text[i] = (a >> (i & 7)) ^ i;
            return compare_THIS(text, node->name, b & 31);
    case 7: return counter_NEXT(&node->count, (int)b) / (int)(a | 1);
    case 9: return ((const struct operations_THIS *)a)->move(node, b, b % 7);
    default: return dispatch_NEXT(state, kind - 1, a << 3, b + __builtin_popcountl(a));
    }
}
