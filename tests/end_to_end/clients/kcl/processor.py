"""A record processor as the KCL runs it, one process a shard: notes every record and every change of its lease."""

import json
import os

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor


class Notes(processor.RecordProcessorBase):
    def initialize(self, given):
        self.shard = given.shard_id
        self.file = open(os.environ["KCL_NOTES"], "a", encoding="utf-8")
        self.note(begun=self.shard)

    def note(self, **fact):
        self.file.write(json.dumps(fact) + "\n")
        self.file.flush()

    def process_records(self, given):
        for record in given.records:
            self.note(shard=self.shard, data=record.binary_data.decode())
        given.checkpointer.checkpoint()

    def lease_lost(self, given):
        self.note(lost=self.shard)

    def shard_ended(self, given):
        self.note(ended=self.shard)
        given.checkpointer.checkpoint()

    def shutdown_requested(self, given):
        given.checkpointer.checkpoint()


kcl.KCLProcess(Notes()).run()
