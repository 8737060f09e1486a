package scaffold

import (
	"slices"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
)

// layers returns what is laid over the generator's example, later layers winning: profile, size, configuration, flags. A key
// that the generator does not offer is a problem where a flag asks for it; in the configuration it is for other generators.
func (s *resource) layers(known []string, prefix string) ([]cue.Layer, finding.Problems) {
	var problems finding.Problems
	lacks := func(key, asked string) {
		problems = append(problems, finding.Errorf(finding.Position{File: s.generator.File}, prefix+"."+key,
			"the generator has no such value, so %s has no effect; add it to the example values and the template", asked))
	}
	var layers []cue.Layer
	if s.redis {
		var err error
		if layers, err = s.profileLayers(); err != nil {
			return nil, finding.All(err)
		}
		defaults := s.config.Defaults
		profiled := len(layers) > 0
		if defaults.Engine != "" && s.req.Engine == "" {
			engine, err := s.engine(defaults.Engine)
			if err != nil {
				return nil, finding.All(err)
			}
			layers = append(layers, engine)
		}
		if defaults.Image != "" {
			layers = append(layers, one("defaults.image", "image", defaults.Image))
		}
		layers = append(layers, cue.Layer{Name: cue.ConfigFile, Values: defaults.Values})
		if profiled {
			layers = append(layers, cue.Layer{Name: cue.ConfigFile, Values: defaults.Profiles[layers[0].Profile]})
		}
		if s.req.Engine != "" {
			engine, err := s.engine(s.req.Engine)
			if err != nil {
				return nil, finding.All(err)
			}
			layers = append(layers, engine)
		}
		for i, l := range layers {
			offered := map[string]cue.LayerValue{}
			for _, k := range sortedKeys(l.Values) {
				if slices.Contains(known, k) {
					offered[k] = l.Values[k]
				} else if l.Name != "profile "+s.req.Profile && l.Name != "profile "+s.req.Size && l.Name != "engine "+s.req.Engine {
					continue
				} else if l.Values[k].Optional {
					s.notes = append(s.notes, s.generator.File+" has no value "+k+", which the "+l.Name+" sets; remove the file and run init for the current one")
				} else {
					lacks(k, "the "+l.Name)
				}
			}
			layers[i].Values = offered
		}
	} else if s.req.Profile != "" || s.req.Size != "" || s.req.Engine != "" {
		problems = append(problems, finding.Errorf(finding.Position{File: s.generator.File}, "", "creates no resource of operator %q, so it has no profiles and engines", s.operator.Name).Flags("; remove --profile, --size and --engine"))
	}
	if s.secret != "" {
		if !slices.Contains(known, "auth") {
			lacks("auth", "a password")
		}
		layers = append(layers, one("--auth", "auth", s.secret))
	}
	for _, k := range sortedKeys(s.req.Set) {
		if why := s.operator.Without[k]; why != "" && s.redis && !slices.Contains(known, k) {
			problems = append(problems, finding.Errorf(s.req.Set[k].At, prefix+"."+k, "operator %q has no such value: %s", s.operator.Name, why))
		} else if !slices.Contains(known, k) {
			list := "it has none"
			if len(known) > 0 {
				list = finding.OneOf(known)
			}
			problems = append(problems, finding.Errorf(s.req.Set[k].At, prefix+"."+k, "the generator %s has no such value; %s%s",
				s.generator.File, list, finding.DidYouMean(k, known)))
		}
	}
	return append(layers, cue.Layer{Name: "--set", Values: s.req.Set}), problems
}

// engine returns the values of a server.
func (s *resource) engine(name string) (cue.Layer, error) {
	layer, err := s.operator.Engine(name)
	if err != nil {
		return layer, finding.Errorf(finding.Position{}, "", "%v", err).About(CodeRequest, "engine")
	}
	return layer, nil
}

func one(layer, key string, value any) cue.Layer {
	return cue.Layer{Name: layer, Values: map[string]cue.LayerValue{key: {Value: value}}}
}

// profileLayers returns the profile (the flag's, else the configuration's) and the size. A size can be given as the profile:
// then it goes on top of the configuration's profile.
func (s *resource) profileLayers() ([]cue.Layer, error) {
	builtIn := map[string]cue.Profile{}
	var profiles, sizes []string
	for _, p := range s.operator.Profiles() {
		builtIn[p.Name] = p
		if p.Size {
			sizes = append(sizes, p.Name)
		} else {
			profiles = append(profiles, p.Name)
		}
	}
	for name := range s.config.Defaults.Profiles {
		if _, ok := builtIn[name]; !ok {
			profiles = append(profiles, name)
		}
	}
	slices.Sort(profiles)
	profile, size := s.req.Profile, s.req.Size
	if slices.Contains(sizes, profile) && size == "" {
		profile, size = "", profile
	}
	if profile == "" {
		profile = s.config.Defaults.Profile
	}
	var layers []cue.Layer
	if why := s.operator.WithoutProfiles[profile]; why != "" && !slices.Contains(profiles, profile) {
		return nil, finding.Errorf(finding.Position{}, "", "profile %q does not exist for type %q: %s", profile, s.req.Type, why).About(CodeRequest, "profile")
	}
	if profile != "" {
		if !slices.Contains(profiles, profile) {
			all := slices.Concat(profiles, sizes)
			p := finding.Errorf(finding.Position{}, "", "unknown profile %q; %s%s", profile, finding.OneOf(all), finding.DidYouMean(profile, all)).About(CodeRequest, "profile")
			p.Suggestion = finding.Nearest(profile, all)
			return nil, p
		}
		layer := cue.Layer{Name: "profile " + profile, Profile: profile}
		if p, ok := builtIn[profile]; ok {
			layer = p.Layer()
		}
		layers = append(layers, layer)
	}
	if size != "" {
		if !slices.Contains(sizes, size) {
			return nil, finding.Errorf(finding.Position{}, "", "unknown size %q; %s%s", size, finding.OneOf(sizes), finding.DidYouMean(size, sizes)).About(CodeRequest, "size")
		}
		layers = append(layers, builtIn[size].Layer())
	}
	return layers, nil
}

// baseLayer returns the values of the generator's example that are not the schema's own defaults: what the repository chose
// in its generator. The defaults stay open, because some depend on others (the disk on the memory).
func (s *resource) baseLayer() (cue.Layer, error) {
	layer := cue.Layer{Name: s.generator.File, Values: map[string]cue.LayerValue{}}
	if s.generator.BuiltIn() {
		return layer, nil
	}
	defaults, err := s.operator.Resolve("", nil, nil)
	if err != nil {
		return layer, err
	}
	own := map[string]string{}
	for _, v := range defaults {
		own[v.Key] = valueText(v.Value)
	}
	for k, v := range s.values {
		switch v.(type) {
		case int, string, bool, float64:
			layer.Values[k] = cue.LayerValue{Value: layered(v), At: finding.Position{File: s.generator.File}}
		}
		if own[k] == valueText(v) {
			delete(layer.Values, k)
		}
	}
	return layer, nil
}
