from convbench_specs import Extractor
class JaxExtractor(Extractor):
    name = "jax"
    def takes(self, model): return False
    def extract(self, model, shapes): raise NotImplementedError
