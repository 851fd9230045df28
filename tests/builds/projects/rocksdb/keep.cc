// Writes a database, closes it, and reads it back.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

using ROCKSDB_NAMESPACE::CompactRangeOptions;
using ROCKSDB_NAMESPACE::DB;
using ROCKSDB_NAMESPACE::FlushOptions;
using ROCKSDB_NAMESPACE::Iterator;
using ROCKSDB_NAMESPACE::Options;
using ROCKSDB_NAMESPACE::ReadOptions;
using ROCKSDB_NAMESPACE::Status;
using ROCKSDB_NAMESPACE::WriteBatch;
using ROCKSDB_NAMESPACE::WriteOptions;

static const int Keys = 20000;

static void must(const Status &status, const char *what) {
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
    std::exit(1);
  }
}

static std::string key(int number) {
  char text[16];
  std::snprintf(text, sizeof text, "key%08d", number);
  return text;
}

static std::unique_ptr<DB> opened(const char *directory) {
  Options options;
  options.create_if_missing = true;
  DB *db = nullptr;
  must(DB::Open(options, directory, &db), "open");
  return std::unique_ptr<DB>(db);
}

int main(int, char **argv) {
  must(DestroyDB(argv[1], Options()), "destroy");
  {
    auto db = opened(argv[1]);
    for (int number = 0; number < Keys; number += 100) {
      WriteBatch batch;
      for (int one = number; one < number + 100; one++)
        must(batch.Put(key(one), std::to_string(one * 7)), "put");
      must(db->Write(WriteOptions(), &batch), "write");
    }
    must(db->Delete(WriteOptions(), key(5)), "delete");
    must(db->Flush(FlushOptions()), "flush");
    must(db->CompactRange(CompactRangeOptions(), nullptr, nullptr), "compact");
    must(db->Close(), "close");
  }
  auto db = opened(argv[1]);
  std::string value;
  must(db->Get(ReadOptions(), key(Keys - 1), &value), "get");
  if (value != std::to_string((Keys - 1) * 7) || !db->Get(ReadOptions(), key(5), &value).IsNotFound())
    return 1;
  long count = 0, sum = 0;
  std::unique_ptr<Iterator> all(db->NewIterator(ReadOptions()));
  for (all->SeekToFirst(); all->Valid(); all->Next(), count++)
    sum += std::atol(all->value().ToString().c_str());
  must(all->status(), "iterate");
  all.reset();
  must(db->Close(), "close again");
  std::printf("%ld keys, sum %ld\n", count, sum);
}
