using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

public sealed class ActionSetTests
{
    private static readonly ActionSet[] Single = [ActionSet.Pull, ActionSet.Push, ActionSet.Delete, ActionSet.All];

    [Fact]
    public void Words_come_in_a_fixed_order() =>
        Assert.Equal("pull,push,delete,*", Any.SetOf(["*", "delete", "push", "pull", "pull"]).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("PULL")]
    [InlineData("pull ")]
    [InlineData("write")]
    [InlineData("**")]
    [InlineData(null)]
    public void A_word_that_names_no_action_is_not_read(string? word)
    {
        Assert.False(ActionSet.TryParseWord(word, out var action));
        Assert.True(action.IsEmpty);
    }

    [Fact]
    public void A_set_is_made_of_its_words() =>
        Holds(a => Any.SetOf(a.Words) == a && a.Words.Count() == a.Count && a.IsEmpty == (a.Count == 0));

    [Fact]
    public void Union_is_commutative_associative_and_idempotent() =>
        Holds(
            (a, b, c) => a.Union(b) == b.Union(a)
            && a.Union(b).Union(c) == a.Union(b.Union(c))
            && a.Union(a) == a
            && a.Union(ActionSet.None) == a);

    [Fact]
    public void Intersection_is_commutative_and_associative() =>
        Holds((a, b, c) => a.Intersect(b) == b.Intersect(a) && a.Intersect(b).Intersect(c) == a.Intersect(b.Intersect(c)));

    [Fact]
    public void Intersection_with_itself_changes_nothing_and_with_nothing_leaves_nothing() =>
        Holds(a => a.Intersect(a) == a && a.Intersect(ActionSet.None).IsEmpty);

    [Fact]
    public void Intersection_with_every_action_changes_nothing() =>
        Holds(a => a.Intersect(ActionSet.All).Covers(a) && a.Covers(a.Intersect(ActionSet.All)));

    [Fact]
    public void An_intersection_covers_an_action_when_both_sides_do() =>
        Holds((a, b, _) => Single.All(one => a.Intersect(b).Covers(one) == (a.Covers(one) && b.Covers(one))));

    [Fact]
    public void A_union_covers_what_either_side_covers() =>
        Holds((a, b, _) => Single.All(one => a.Union(b).Covers(one) == (a.Covers(one) || b.Covers(one))));

    [Fact]
    public void Covering_is_reflexive_and_transitive() =>
        Holds((a, b, c) => a.Covers(a) && (!a.Covers(b) || !b.Covers(c) || a.Covers(c)));

    [Fact]
    public void Every_action_covers_everything_and_the_three_words_do_not_make_it_up()
    {
        Holds(a => ActionSet.All.Covers(a) && a.Covers(ActionSet.None));
        Assert.False(Any.SetOf(["pull", "push", "delete"]).Covers(ActionSet.All));
    }

    [Fact]
    public void What_is_left_is_what_the_other_does_not_cover() =>
        Holds((a, b, _) => a.Except(b).Words.SequenceEqual(a.Words.Where(word => !b.Covers(Any.SetOf([word])))));

    [Fact]
    public void Nothing_is_left_exactly_when_the_other_covers_it() =>
        Holds((a, b, _) => a.Except(b).IsEmpty == b.Covers(a) && a.Except(b).Union(b).Covers(a));

    [Fact]
    public void Spelling_out_adds_no_right() =>
        Holds(a => a.SpeltOut().Covers(a) && a.Covers(a.SpeltOut()) && a.SpeltOut().Count == (a.HoldsAll ? 4 : a.Count));

    private static void Holds(Func<ActionSet, bool> law) => Prop.ForAll(Any.Actions.ToArbitrary(), law).Check();

    private static void Holds(Func<ActionSet, ActionSet, ActionSet, bool> law) =>
        Prop.ForAll(Any.Actions.ToArbitrary(), Any.Actions.ToArbitrary(), Any.Actions.ToArbitrary(), law).Check();
}
