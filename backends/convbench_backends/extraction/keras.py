from convbench_specs import Extractor
class KerasExtractor(Extractor):
    name = "keras"
    def takes(self, model): return False
    def extract(self, model, shapes): raise NotImplementedError
