using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Audit;

/// <summary>One line of an audit log: something that an administrator did by a command.</summary>
/// <param name="Time">When it was over.</param>
/// <param name="Action">The command, as <c>accounts suspend</c>.</param>
/// <param name="By">Who: number and name of the machine's account, and behind sudo the one that called it.</param>
/// <param name="Arguments">What the command was given. Passwords are never among it: commands read them from standard input.</param>
/// <param name="Outcome"><see cref="Done"/> or <see cref="Failed"/>.</param>
/// <param name="Reason">Why it failed; null when it did not.</param>
public sealed record AdministrativeAct(
    DateTimeOffset Time, string Action, string By, IReadOnlyList<string> Arguments, string Outcome, string? Reason)
{
    /// <summary>The outcome of a command that succeeded.</summary>
    public const string Done = "done";

    /// <summary>It was not, or not in full.</summary>
    public const string Failed = "failed";

    private const int MaxArguments = 50;

    /// <summary>Who runs this process.</summary>
    public static string Me()
    {
        var name = $"{FileOwner.Me}:{Environment.UserName}";
        return FileOwner.Me == 0 && Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } person
            ? $"{name} (sudo by {LogText.Clean($"{Environment.GetEnvironmentVariable("SUDO_UID")}:{person}")})"
            : name;
    }

    /// <summary>The line, with its end.</summary>
    public byte[] ToLine()
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line, AuditFile.Json))
        {
            json.WriteStartObject();
            json.WriteString("time"u8, Time.UtcDateTime.ToString(AuditFile.TimeFormat, CultureInfo.InvariantCulture));
            json.WriteString("action"u8, Action);
            json.WriteString("by"u8, By);
            json.WriteStartArray("arguments"u8);
            foreach (var argument in Arguments.Take(MaxArguments)) json.WriteStringValue(LogText.Clean(argument));
            json.WriteEndArray();
            json.WriteString("outcome"u8, Outcome);
            json.WriteString("reason"u8, Reason is null ? null : LogText.Clean(Reason));
            if (Arguments.Count > MaxArguments) json.WriteNumber("omitted"u8, Arguments.Count - MaxArguments);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    /// <summary>Whether a line is one of these and not a decision.</summary>
    public static bool IsOne(ReadOnlySpan<byte> line) => line[..Math.Min(line.Length, 64)].IndexOf("\"action\":"u8) > 0;
}
