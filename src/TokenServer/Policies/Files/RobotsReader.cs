using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads the <c>robots</c> of all files.</summary>
internal sealed class RobotsReader(DateTimeOffset now, ICollection<SourceProblem> problems)
{
    private const int MaxNameLength = 64;
    private const int MaxDescriptionLength = 200;

    private readonly Dictionary<string, Robot> robots = new(StringComparer.Ordinal);

    /// <summary>The robots by their names.</summary>
    public IReadOnlyDictionary<string, Robot> Robots => robots;

    /// <summary>Reads the robots of one file.</summary>
    public void Read(YamlFields document)
    {
        foreach (var (name, value) in document.Entries("robots"))
        {
            if (PlainText.Problem(name) is { } problem) document.Complain(name, problem);
            else if (!IsName(name.Value))
            {
                document.Complain(
                    name,
                    $"'{name.Value}' is not a valid robot name: use 1 to {MaxNameLength} letters, digits, '-', '_' and "
                    + $"'.'{(Subject.IsRobot(name.Value) ? $"; did you mean '{Robot.NameIn(name.Value)}'?" : "")}");
            }
            else if (robots.TryGetValue(name.Value, out var first))
            {
                document.Complain(name, $"the robot '{name.Value}' is declared a second time; the first is at {first.At}");
            }
            else if (value is MappingNode mapping) robots.Add(name.Value, Read(name, new YamlFields(mapping, PolicyKeys.Robot, problems)));
            else if (value is ScalarNode { IsNull: true }) robots.Add(name.Value, new Robot(name.Value, "", null, name.At));
            else document.Complain(
                value, $"the robot '{name.Value}' must be a mapping with {string.Join(", ", PolicyKeys.Robot)}, not {value.Kind}");
        }
    }

    /// <summary>What is wrong with a subject that names a robot; null when it is declared or the subject is of another kind.</summary>
    public static string? Problem(Subject subject, IReadOnlyDictionary<string, Robot> robots)
    {
        if (subject.Kind != SubjectKind.Robot || robots.ContainsKey(subject.Name)) return null;
        var hint = Suggestion.For(subject.Name, robots.Keys);
        return $"there is no robot '{subject.Name}'{(hint.Length > 0 ? hint : "; declare it under 'robots'")}";
    }

    private static bool IsName(string text) =>
        text.Length is > 0 and <= MaxNameLength && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private Robot Read(ScalarNode name, YamlFields robot)
    {
        var description = robot.Text("description");
        if (description?.Value.Length > MaxDescriptionLength || description?.Value.Any(char.IsControl) == true)
        {
            robot.Complain(description, $"a description must be one line of at most {MaxDescriptionLength} characters");
        }

        DateTimeOffset? until = null;
        if (robot.Text("expires") is { } expires)
        {
            if (PolicyDate.Parse(expires.Value, null, lastOfDay: true, out var instant) is { } problem) robot.Complain(expires, problem);
            else until = instant;
            if (until <= now) robot.Warn(expires, $"the date has passed: the robot '{name.Value}' can no longer sign in");
        }

        return new Robot(name.Value, description?.Value ?? "", until, name.At);
    }
}
