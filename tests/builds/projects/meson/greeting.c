#include <fribidi.h>
#include <stdio.h>

/* The first letter of the Hebrew alphabet is written from the right. */
int main(void) {
    puts(fribidi_version_info);
    return fribidi_get_bidi_type(0x05D0) == FRIBIDI_TYPE_RTL ? 0 : 1;
}
