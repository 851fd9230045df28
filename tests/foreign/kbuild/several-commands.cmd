savedcmd_a.o := clang -D"S(s)=$(pound)s" -DM=$$x -c -o a.o a.c ; ./tools/objtool/objtool --uaccess a.o; ld.lld -r -o .tmp_a.o a.o && mv .tmp_a.o a.o
