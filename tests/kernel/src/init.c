// The only process of the booted kernel: says that it runs, and ends the machine. No C library.

enum { SYS_WRITE = 1, SYS_REBOOT = 169 };

static long system_call(long number, long first, long second, long third) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

void _start(void) {
    static const char message[] = MESSAGE "\n";
    system_call(SYS_WRITE, 1, (long)message, sizeof message - 1);
    // The two magic numbers and LINUX_REBOOT_CMD_RESTART; qemu runs with -no-reboot.
    system_call(SYS_REBOOT, 0xfee1dead, 0x28121969, 0x01234567);
    for (;;) {
    }
}
